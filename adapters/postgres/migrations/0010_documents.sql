-- What tokens point at, kept under its SHA-256 and served to everybody.  It belongs to no
-- organisation, and a token that exists points at it for ever: nothing here changes or goes.
CREATE TABLE documents (
    digest bytea NOT NULL,
    content bytea NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT documents_pkey PRIMARY KEY (digest),
    CONSTRAINT a_document_is_found_under_its_content CHECK (digest = sha256(content)),
    CONSTRAINT a_document_fits_into_one_block CHECK (octet_length(content) <= 262144)
);

GRANT SELECT, INSERT ON documents TO tallystick_app;
GRANT SELECT ON documents TO tallystick_readonly;
