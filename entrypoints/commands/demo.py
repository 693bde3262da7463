"""``tallystick demo``"""

import signal
import subprocess
import sys
import time
from pathlib import Path

import click

from entrypoints.demo import checks, story
from entrypoints.demo.parts import DemoError, running_with_stripe
from entrypoints.devnet.processes import DevnetError


@click.command("demo", help="Sign up, plan, deploy, watch, buy; then stay up to be played with.")
@click.option("--once", is_flag=True, help="End when it is checked: 0 if every promise held.")
@click.option(
    "--evidence",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write evidence about the first token to this file, and check it as a stranger would.",
)
def command(once: bool, evidence: Path | None) -> None:
    # A terminated demo takes its servers with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    begun = time.monotonic()
    story.say("Starting PostgreSQL, two chains, a Stripe, the API and a worker …")
    try:
        with running_with_stripe() as parts:
            story.say(f"   up after {time.monotonic() - begun:.1f} s; logs in {parts.folder}")
            told = story.tell(parts)
            story.say("8. Is it true?  Raw JSON-RPC, raw algod HTTP and raw SQL")
            wrong = list(checks.differences(parts, told))
            for line in wrong:
                story.say(f"   NOT SO: {line}")
            if wrong:
                sys.exit(1)
            places = " and ".join(each.address for each in told.issued)
            story.say(f"   yes: {places} are what was promised, and the books agree")
            if evidence is not None:
                story.say("9. Evidence: one file, checked without any of these servers")
                key = story.write_evidence(parts, told, evidence)
                _verify(evidence, key)
            if not once:
                _stay(parts.api, told.api_key)
    except (DemoError, DevnetError) as error:
        click.echo(f"the demo failed: {error}", err=True)
        sys.exit(1)


def _verify(file: Path, key: str) -> None:
    """What the stand-alone verifier says.  Raises: DemoError."""
    story.say(f"   tallystick verify {file} --key {key}")
    done = subprocess.run(
        [sys.executable, "-m", "entrypoints.main", "verify", str(file), "--key", key],
        capture_output=True,
        text=True,
        check=False,
    )
    for line in (done.stdout or done.stderr).splitlines():
        story.say(f"   {line}")
    if done.returncode:
        raise DemoError(f"{file} was refused")


def _stay(api: str, key: str) -> None:
    story.say("")
    story.say(f"   API            {api}")
    story.say(f"   documentation  {api}/docs")
    story.say(f"   API key        {key}")
    story.say(f'   try            curl -H "Authorization: Bearer {key}" {api}/v1/deployments')
    story.say("   It runs until Ctrl-C, and is gone then.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        story.say("stopping …")
