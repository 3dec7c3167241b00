-- What a download manager opens at once (aria2c -x8), and a player beside it.
UPDATE plans SET streams = 10 WHERE plan_id = 'free' AND streams = 8;
