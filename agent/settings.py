"""Settings: read once from the environment, frozen. `docs/settings.md` documents each; a test holds it to that."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as SourceError

from agent.errors import SettingsError
from agent.model import to_e164

VENDOR_KEYS = (
    "DEEPGRAM_API_KEY",
    "OPENAI_API_KEY",
    "CARTESIA_API_KEY",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
)


class Settings(BaseSettings):
    """Everything a deployment may choose. Each field is the environment variable of its name in capitals."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    # Who we are
    public_url: str = "http://127.0.0.1:5001"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 5001
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    environment: Literal["development", "production"] = "development"

    # Secrets
    secret_key: SecretStr = SecretStr("")
    operator_token: SecretStr = SecretStr("")
    admin_token: SecretStr = SecretStr("")
    deepgram_api_key: SecretStr = SecretStr("")
    openai_api_key: SecretStr = SecretStr("")
    cartesia_api_key: SecretStr = SecretStr("")
    twilio_account_sid: str = ""
    twilio_auth_token: SecretStr = SecretStr("")

    # Where the vendors are
    deepgram_base_url: str = "wss://api.deepgram.com"
    openai_base_url: str = "https://api.openai.com/v1"
    cartesia_base_url: str = "https://api.cartesia.ai"
    twilio_base_url: str = "https://api.twilio.com"

    # People's own logins, where they do not follow from SUPABASE_URL
    jwks_url: str = ""
    jwt_issuer: str = ""
    jwt_audience: str = "authenticated"

    # Other processes of this house
    redis_url: SecretStr = SecretStr("")

    # Speech and language
    stt: Literal["flux", "nova"] = "flux"
    flux_model: str = "flux-general-en"
    nova_model: str = "nova-3"
    eager_end_of_turn: bool = True
    guess_after_quiet_ms: Annotated[int, Field(ge=0, le=500)] = 80
    guess_while_speaking: bool = False
    openai_model: str = "gpt-4.1-mini"
    openai_hedge_after_ms: Annotated[int, Field(ge=0, le=4000)] = 900
    openai_second_model: str = "gpt-4.1-nano"
    openai_second_base_url: str = ""
    openai_second_api_key: SecretStr = SecretStr("")
    vendor_connect_s: Annotated[float, Field(gt=0, le=10)] = 2.0
    cartesia_model: str = "sonic-3.5"
    cartesia_voice: str = "a0e99841-438c-4a64-b679-ae501e7d6091"
    playout_lead_ms: Annotated[int, Field(ge=0, le=1000)] = 200

    # Shops and records
    supabase_url: str = ""
    supabase_secret_key: SecretStr = SecretStr("")
    database_path: Path = Path("var/chairside.db")
    phone_to_location_map: dict[str, int] = Field(default_factory=dict[str, int])
    shop_check_ms: Annotated[int, Field(gt=0, le=5000)] = 300
    greeting_wait_ms: Annotated[int, Field(gt=0, le=5000)] = 1500
    ticket_ttl_s: Annotated[int, Field(gt=0, le=600)] = 60
    max_calls: Annotated[int, Field(gt=0)] = 50
    max_loop_late_ms: Annotated[float, Field(gt=0)] = 25.0
    max_loop_busy: Annotated[float, Field(gt=0)] = 0.7
    max_call_s: Annotated[int, Field(gt=0)] = 1800
    drain_s: Annotated[float, Field(ge=0)] = 20.0
    user_idle_s: Annotated[float, Field(gt=0)] = 8.0

    # Recorded calls
    tapes_path: Path = Path("var/tapes")
    tape_days: Annotated[float, Field(gt=0)] = 30.0
    tapes_max_mb: Annotated[int, Field(gt=0)] = 5000

    # Strangers
    max_per_caller_per_minute: Annotated[int, Field(gt=0)] = 20
    max_refusals_per_minute: Annotated[int, Field(gt=0)] = 60
    trusted_proxies: str = ""

    # Dashboards
    max_ops_sockets: Annotated[int, Field(gt=0)] = 2000
    max_ops_sockets_per_address: Annotated[int, Field(gt=0)] = 200

    # Reading a shop's website
    scrape_max_pages: Annotated[int, Field(gt=0, le=500)] = 30
    scrape_max_page_bytes: Annotated[int, Field(gt=0)] = 3_000_000
    scrape_max_total_bytes: Annotated[int, Field(gt=0)] = 30_000_000
    scrape_page_s: Annotated[float, Field(gt=0)] = 15.0
    scrape_total_s: Annotated[float, Field(gt=0)] = 90.0
    scrape_max_redirects: Annotated[int, Field(ge=0, le=20)] = 5
    scrape_max_depth: Annotated[int, Field(ge=0, le=20)] = 3
    scrape_concurrency: Annotated[int, Field(gt=0, le=16)] = 4
    scrape_render: bool = True
    scrape_browser: str = ""
    scrape_browser_sandbox: bool = True
    scrape_with_llm: bool = True
    scrape_llm_tokens: Annotated[int, Field(gt=0)] = 60_000
    scrape_llm_s: Annotated[float, Field(gt=0)] = 45.0
    scrape_contact: str = ""
    scrape_allow_loopback: bool = False

    @field_validator(
        "public_url",
        "supabase_url",
        "deepgram_base_url",
        "openai_base_url",
        "openai_second_base_url",
        "cartesia_base_url",
        "twilio_base_url",
    )
    @classmethod
    def _no_trailing_slash(cls, url: str) -> str:
        return url.rstrip("/")

    @field_validator("phone_to_location_map")
    @classmethod
    def _numbers_are_e164(cls, numbers: dict[str, int]) -> dict[str, int]:
        return {to_e164(number): location_id for number, location_id in numbers.items()}

    def require_vendor_keys(self) -> None:
        """Raise SettingsError naming each missing key; a server without vendors would answer with silence."""
        missing = [name for name in VENDOR_KEYS if not _plain(getattr(self, name.lower()))]
        if self.environment == "production":
            missing += [name for name in ("SECRET_KEY", "OPERATOR_TOKEN") if not _plain(getattr(self, name.lower()))]
        if missing:
            raise SettingsError([f"{name} is not set" for name in missing])


def _plain(value: SecretStr | str) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def read_settings() -> Settings:
    """Settings from the environment. Raises SettingsError with every problem at once."""
    try:
        return Settings()
    except SourceError as why:
        # A value that should be JSON and is not; what it held may be a secret and stays unsaid.
        raise SettingsError([f"{_variable_in(str(why))} is not valid JSON"]) from why
    except ValidationError as why:
        raise SettingsError(
            [f"{'.'.join(str(part) for part in e['loc']).upper()}: {e['msg']}" for e in why.errors()]
        ) from why


def _variable_in(complaint: str) -> str:
    """The environment variable that pydantic-settings complains of: it names the field in quotes."""
    return next((name.upper() for name in Settings.model_fields if f'"{name}"' in complaint), "a setting")
