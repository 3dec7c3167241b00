"""tseeder.auth.v1.Registration: called without an identity, by who has no account yet or cannot get into his."""

# ruff: noqa: N802
# The methods are named by the proto.

from tseeder.auth.v1 import registration_pb2 as pb
from tseeder.auth.v1 import registration_pb2_grpc
from tseeder_auth.adapters.argon2_pool import Argon2Pool
from tseeder_auth.adapters.sealing import Sealer
from tseeder_auth.api.wire import Context, client_of
from tseeder_auth.domain.human_check import HumanCheck
from tseeder_auth.domain.registration import RegistrationRules
from tseeder_auth.usecases.ask_for_mail import MailRequest
from tseeder_auth.usecases.confirm_password_reset import confirm_password_reset
from tseeder_auth.usecases.register import Registration, register
from tseeder_auth.usecases.request_password_reset import request_password_reset
from tseeder_auth.usecases.resend_verification import resend_verification
from tseeder_auth.usecases.verify_email import verify_email
from tseeder_pg import Pool


class RegistrationServicer(registration_pb2_grpc.RegistrationServicer):
    """GetConfig, Register, VerifyEmail, ResendVerification, RequestPasswordReset, ConfirmPasswordReset."""

    def __init__(
        self,
        pool: Pool,
        hasher: Argon2Pool,
        sealer: Sealer,
        rules: RegistrationRules,
        check: HumanCheck,
        config: pb.GetConfigResponse,
    ) -> None:
        self._pool = pool
        self._hasher = hasher
        self._sealer = sealer
        self._rules = rules
        self._check = check
        self._config = config

    async def GetConfig(self, request: pb.GetConfigRequest, context: Context) -> pb.GetConfigResponse:
        """What a page has to know before anybody has signed in."""
        return self._config

    async def Register(self, request: pb.RegisterRequest, context: Context) -> pb.RegisterResponse:
        """An account that waits for its confirmation, or a mail to who has one."""
        wanted = Registration(
            request.email,
            request.password,
            request.accepted_terms_version,
            request.human_check_token,
            client_of(request.client),
        )
        await register(self._pool, self._hasher, self._sealer, self._rules, self._check, wanted)
        return pb.RegisterResponse()

    async def VerifyEmail(self, request: pb.VerifyEmailRequest, context: Context) -> pb.VerifyEmailResponse:
        """The address is his own, and what he registered is an account."""
        await verify_email(self._pool, self._hasher, request.token, request.password, client_of(request.client))
        return pb.VerifyEmailResponse()

    async def ResendVerification(
        self, request: pb.ResendVerificationRequest, context: Context
    ) -> pb.ResendVerificationResponse:
        """Another mail with a token."""
        wanted = MailRequest(request.email, request.human_check_token, client_of(request.client))
        await resend_verification(self._pool, self._rules, self._check, wanted)
        return pb.ResendVerificationResponse()

    async def RequestPasswordReset(
        self, request: pb.RequestPasswordResetRequest, context: Context
    ) -> pb.RequestPasswordResetResponse:
        """A mail with a token that sets a password."""
        wanted = MailRequest(request.email, request.human_check_token, client_of(request.client))
        await request_password_reset(self._pool, self._rules, self._check, wanted)
        return pb.RequestPasswordResetResponse()

    async def ConfirmPasswordReset(
        self, request: pb.ConfirmPasswordResetRequest, context: Context
    ) -> pb.ConfirmPasswordResetResponse:
        """The password is set."""
        client = client_of(request.client)
        await confirm_password_reset(self._pool, self._hasher, request.token, request.new_password, client)
        return pb.ConfirmPasswordResetResponse()
