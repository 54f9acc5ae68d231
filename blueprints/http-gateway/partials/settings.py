
    routes: Routes = {"/": "http://127.0.0.1:8001"}
    """The table of services, as JSON: the beginning of a path, and the address of its service."""
    auth_issuer: str = "http://127.0.0.1:8001"
    """Whose tokens are believed: what they name as `iss`, letter for letter."""
    auth_audience: str = "{{ service_name }}"
    """What tokens must be meant for: what they name as `aud`."""
{%- if auth == 'jwks' %}
    auth_jwks_url: str = "http://127.0.0.1:8001/jwks.json"
    """Where the issuer's public keys are, a JWK Set."""
{%- endif %}
    auth_user_claim: str = "sub"
    """The claim that becomes `x-user-id`."""
    auth_project_claim: str = "project_id"
    """The claim that becomes `x-project-id`."""
    http_max_body_bytes: Annotated[int, Field(ge=0)] = 1_048_576
    """A larger body is refused, in bytes."""
    upstream_timeout_s: Annotated[float, Field(gt=0)] = 30
    """How long a service may take to answer, and a client to send its body, in seconds."""
