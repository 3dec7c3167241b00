"""auth: what people can do who have no account yet, or cannot get into theirs."""

from __future__ import annotations

from tseeder.auth.v1 import registration_pb2 as pb
from tseeder.auth.v1.auth_pb2 import Client
from tseeder.auth.v1.registration_pb2_grpc import RegistrationStub
from tseeder_rpc import Caller


class Registration:
    """Every method raises AppError as auth meant it."""

    def __init__(self, caller: Caller, *, seconds: float) -> None:
        self._stub = RegistrationStub(caller.channel)
        self._seconds = seconds

    async def get_config(self) -> pb.GetConfigResponse:
        """What a page has to know."""
        return await self._stub.GetConfig(pb.GetConfigRequest(), timeout=self._seconds)

    async def register(
        self, email: str, password: str, *, accepted_terms_version: str, human_check_token: str, client: Client
    ) -> None:
        """An account that waits for its confirmation; what there is to say is mailed."""
        request = pb.RegisterRequest(
            email=email,
            password=password,
            accepted_terms_version=accepted_terms_version,
            human_check_token=human_check_token,
            client=client,
        )
        await self._stub.Register(request, timeout=self._seconds)

    async def verify_email(self, token: str, password: str, client: Client) -> None:
        """The address is his own; `password` is "" where one was registered only."""
        request = pb.VerifyEmailRequest(token=token, password=password, client=client)
        await self._stub.VerifyEmail(request, timeout=self._seconds)

    async def resend_verification(self, email: str, human_check_token: str, client: Client) -> None:
        """Another mail for who waits for one."""
        request = pb.ResendVerificationRequest(email=email, human_check_token=human_check_token, client=client)
        await self._stub.ResendVerification(request, timeout=self._seconds)

    async def request_password_reset(self, email: str, human_check_token: str, client: Client) -> None:
        """A mail for who has forgotten his password."""
        request = pb.RequestPasswordResetRequest(email=email, human_check_token=human_check_token, client=client)
        await self._stub.RequestPasswordReset(request, timeout=self._seconds)

    async def confirm_password_reset(self, token: str, new_password: str, client: Client) -> None:
        """The password is set."""
        request = pb.ConfirmPasswordResetRequest(token=token, new_password=new_password, client=client)
        await self._stub.ConfirmPasswordReset(request, timeout=self._seconds)
