-- Findings of the ledger as technical alerts: who looks after a box is told, once a day and kind.

-- name: queue_findings
-- One message for each box and kind of finding that nobody has taken note of, unless one went out
-- lately: a cloned box breaks its chain with every batch, and the page lists them all. Those who look
-- after it are told; people whose account was ended are not.
WITH to_tell AS (
    SELECT DISTINCT ON (finding.gateway_id, finding.kind) finding.id, finding.gateway_id
    FROM ledger_finding AS finding
    WHERE finding.seen_at IS NULL
        AND NOT EXISTS (
            SELECT FROM delivery
            JOIN ledger_finding AS told ON told.id = delivery.finding_id
            WHERE told.gateway_id = finding.gateway_id AND told.kind = finding.kind
                AND delivery.queued_at > clock_timestamp() - %(quiet)s::interval
        )
    ORDER BY finding.gateway_id, finding.kind, finding.id DESC
)
INSERT INTO delivery (finding_id, round, step, channel, recipient)
SELECT to_tell.id, 0, 0, 'mail', operator.email
FROM to_tell
JOIN staff AS operator ON to_tell.gateway_id IN (SELECT gateways_looked_after(operator.id))
WHERE %(mail)s AND operator.role = 'operator' AND operator.email IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM login WHERE login.staff_id = operator.id AND login.disabled_at IS NOT NULL
    )
UNION
SELECT id, 0, 0, 'file', 'file' FROM to_tell WHERE %(file)s
ON CONFLICT DO NOTHING
RETURNING id;

-- name: claim_finding_delivery
-- As claim_delivery: the next message about a box, marked before it is handed over.
UPDATE delivery AS d
SET trying_since = clock_timestamp(), attempts = d.attempts + 1
FROM (
    SELECT waiting.id
    FROM delivery AS waiting
    JOIN ledger_finding ON ledger_finding.id = waiting.finding_id
    WHERE waiting.state = 'queued' AND waiting.trying_since IS NULL
        AND waiting.next_try_at <= clock_timestamp()
        AND waiting.channel = %(channel)s AND seen_at IS NULL
    ORDER BY waiting.next_try_at
    LIMIT 1
    FOR UPDATE OF waiting SKIP LOCKED
) AS next, ledger_finding AS finding
JOIN gateway ON gateway.id = finding.gateway_id
JOIN organisation AS centre ON centre.id = gateway.centre_id
WHERE d.id = next.id AND finding.id = d.finding_id
RETURNING
    d.id, finding.id, d.recipient, d.again, finding.kind, finding.found_at, centre.code,
    gateway.code, d.attempts;

-- name: drop_seen_findings
-- Messages about what an operator has taken note of meanwhile.
UPDATE delivery AS d
SET state = 'dropped'
FROM ledger_finding AS finding
WHERE finding.id = d.finding_id AND finding.seen_at IS NOT NULL AND d.state = 'queued'
    AND d.trying_since IS NULL;
