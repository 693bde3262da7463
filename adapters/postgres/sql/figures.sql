-- name: read
SELECT figure, label, count, since
  FROM narrow.queue_figures(%(now)s)
