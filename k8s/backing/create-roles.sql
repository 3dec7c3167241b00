-- One role and one schema for each service. Run once, by an administrator, in the database that is to be tseeder's:
--   psql "$ADMIN_URL" -v auth=PASSWORD -v jobs=PASSWORD -v billing=PASSWORD -v admin=PASSWORD -f create-roles.sql
REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;

CREATE ROLE tseeder_auth LOGIN PASSWORD :'auth';
ALTER ROLE tseeder_auth SET search_path = auth;
GRANT CONNECT, TEMPORARY ON DATABASE :"DBNAME" TO tseeder_auth;
GRANT tseeder_auth TO CURRENT_USER;
CREATE SCHEMA auth AUTHORIZATION tseeder_auth;

CREATE ROLE tseeder_jobs LOGIN PASSWORD :'jobs';
ALTER ROLE tseeder_jobs SET search_path = jobs;
GRANT CONNECT, TEMPORARY ON DATABASE :"DBNAME" TO tseeder_jobs;
GRANT tseeder_jobs TO CURRENT_USER;
CREATE SCHEMA jobs AUTHORIZATION tseeder_jobs;

CREATE ROLE tseeder_billing LOGIN PASSWORD :'billing';
ALTER ROLE tseeder_billing SET search_path = billing;
GRANT CONNECT, TEMPORARY ON DATABASE :"DBNAME" TO tseeder_billing;
GRANT tseeder_billing TO CURRENT_USER;
CREATE SCHEMA billing AUTHORIZATION tseeder_billing;

CREATE ROLE tseeder_admin LOGIN PASSWORD :'admin';
ALTER ROLE tseeder_admin SET search_path = admin;
GRANT CONNECT, TEMPORARY ON DATABASE :"DBNAME" TO tseeder_admin;
GRANT tseeder_admin TO CURRENT_USER;
CREATE SCHEMA admin AUTHORIZATION tseeder_admin;
