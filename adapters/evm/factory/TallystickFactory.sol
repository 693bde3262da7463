// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";

/// @title Deploys contracts at addresses that only their sender can reach, and passes ether on at most once.
/// @notice Invariants:
///  - An address follows from three things: who asks, under which salt, for which init code. A stranger who copies a
///    call lands elsewhere, so nobody can occupy or counterfeit the address that a plan has promised.
///  - One address is deployed at most once; the second attempt reverts and changes nothing.
///  - A sender funds at most once under one salt, also when it has forgotten that it did; salts are each sender's own,
///    so that nobody can use up somebody else's. Deploying and funding do not share them.
///  - It keeps no ether: what it is sent leaves in the same call, or the call reverts. Ether that is forced upon it (a
///    contract that destroys itself, a block's fees) stays for ever, and does nobody any good.
///  - No owner, no other state, and no rights over what it deploys: the factory is the msg.sender of every constructor it
///    runs, and constructors of ours give their msg.sender nothing. The same goes for the recipients that it calls.
contract TallystickFactory {
    mapping(address sender => mapping(bytes32 salt => bool)) private _funded;

    /// @param sender Who asked, as mixed into the address.
    /// @param salt As given by the sender, before mixing.
    event Deployed(address indexed token, address indexed sender, bytes32 indexed salt);

    /// @notice All of `value`, in wei, has gone to the recipient.
    event Funded(address indexed sender, bytes32 indexed salt, address indexed to, uint256 value);

    /// @notice This sender, salt and init code were deployed before; here is the result.
    error AlreadyDeployed(address token);

    /// @notice The init code ran to its end and left no code behind.
    error NothingDeployed();

    /// @notice This sender funded under this salt before. The Funded event says whom, and with how much.
    error AlreadyFunded(address sender, bytes32 salt);

    /// @notice The recipient did not take it.
    error FundingRefused(address to);

    /// @notice Deploy `initCode` at `addressOf(msg.sender, salt, keccak256(initCode))`.
    /// @dev A constructor's revert reason is passed on unchanged; Errors.FailedDeployment() stands for a constructor that
    /// gave none (it may have run out of gas), Create2EmptyBytecode() for an empty init code.
    function deploy(bytes32 salt, bytes memory initCode) external returns (address token) {
        bytes32 effectiveSalt = _effectiveSalt(msg.sender, salt);
        token = Create2.computeAddress(effectiveSalt, keccak256(initCode));
        if (token.code.length != 0) revert AlreadyDeployed(token);
        Create2.deploy(0, effectiveSalt, initCode);
        if (token.code.length == 0) revert NothingDeployed();
        emit Deployed(token, msg.sender, salt);
    }

    /// @notice Where `deploy` would put, or has put, this init code for this sender and salt.
    function addressOf(address sender, bytes32 salt, bytes32 initCodeHash) external view returns (address) {
        return Create2.computeAddress(_effectiveSalt(sender, salt), initCodeHash);
    }

    /// @notice Pass all of the ether sent along on to `to`, at most once for each sender and salt.
    /// @dev The recipient gets the remaining gas and may call back: whatever it does then it does as itself, under salts of
    /// its own.
    function fundOnce(bytes32 salt, address payable to) external payable {
        if (_funded[msg.sender][salt]) revert AlreadyFunded(msg.sender, salt);
        _funded[msg.sender][salt] = true;
        emit Funded(msg.sender, salt, to, msg.value);
        (bool isTaken, ) = to.call{value: msg.value}("");
        if (!isTaken) revert FundingRefused(to);
    }

    /// @notice Whether the sender has funded under the salt.
    function isFunded(address sender, bytes32 salt) external view returns (bool) {
        return _funded[sender][salt];
    }

    function _effectiveSalt(address sender, bytes32 salt) private pure returns (bytes32) {
        return keccak256(abi.encode(sender, salt));
    }
}
