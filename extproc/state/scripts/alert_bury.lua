-- An alert that a webhook did not take becomes a dead letter, once. Units: none here; times in the fields are Unix ms.
-- KEYS: stream of alerts, stream of dead letters. ARGV: 1 consumer group, 2 entry, 3 about how many dead letters are
-- kept, then names and values of the row's fields. Answers 1, or 0 where the group no longer waits for the entry.
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', unpack(ARGV, 4))
return 1
