-- name: insert_document
INSERT INTO documents (digest, content)
VALUES (%(digest)s, %(content)s)
    ON CONFLICT DO NOTHING

-- name: select_document
SELECT content FROM documents WHERE digest = %(digest)s
