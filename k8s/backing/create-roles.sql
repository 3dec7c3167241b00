-- One role and one schema for each service. Run once, by an administrator, in the database that tseeder may have:
--   psql "$ADMIN_URL" -v auth="'...'" -v jobs="'...'" -v billing="'...'" -v admin="'...'" -f create-roles.sql
-- Each variable is a password in SQL quotes.
REVOKE ALL ON SCHEMA public FROM PUBLIC;

CREATE ROLE tseeder_auth LOGIN PASSWORD :auth;
ALTER ROLE tseeder_auth SET search_path = auth;
GRANT tseeder_auth TO CURRENT_USER;
CREATE SCHEMA auth AUTHORIZATION tseeder_auth;

CREATE ROLE tseeder_jobs LOGIN PASSWORD :jobs;
ALTER ROLE tseeder_jobs SET search_path = jobs;
GRANT tseeder_jobs TO CURRENT_USER;
CREATE SCHEMA jobs AUTHORIZATION tseeder_jobs;

CREATE ROLE tseeder_billing LOGIN PASSWORD :billing;
ALTER ROLE tseeder_billing SET search_path = billing;
GRANT tseeder_billing TO CURRENT_USER;
CREATE SCHEMA billing AUTHORIZATION tseeder_billing;

CREATE ROLE tseeder_admin LOGIN PASSWORD :admin;
ALTER ROLE tseeder_admin SET search_path = admin;
GRANT tseeder_admin TO CURRENT_USER;
CREATE SCHEMA admin AUTHORIZATION tseeder_admin;
