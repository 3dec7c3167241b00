{{- /*
The settings that the chart makes of its values, FIELD: value, but for secrets: dict "root" "name". What stands in
services.<name>.settings goes over them.
*/}}
{{- define "tseeder.plain" -}}
{{- $row := index (include "tseeder.table" . | fromYaml) .name }}
{{- $full := include "tseeder.fullname" .root }}
{{- $values := .root.Values }}
HOST: "0.0.0.0"
LOG_LEVEL: {{ $values.logLevel }}
{{- range $port, $number := $row.ports }}
{{ upper $port }}_PORT: {{ $number }}
{{- end }}
{{- range $row.calls }}
{{ upper . }}_TARGET: {{ $full }}-{{ . }}:50051
{{- end }}
{{- if and $row.nats (not $values.secrets.nats.existingSecret) }}
NATS_URL: {{ $values.nats.url | quote }}
{{- end }}
{{- with $values.tracing.endpoint }}
OTLP_ENDPOINT: {{ . | quote }}
{{- end }}
{{- if has .name (list "jobs" "agent") }}
S3_ENDPOINT: {{ $values.s3.endpoint | quote }}
S3_REGION: {{ $values.s3.region | quote }}
S3_BUCKET: {{ $values.s3.bucket | quote }}
{{- end }}
{{- if and (eq .name "jobs") $values.s3.publicEndpoint }}
S3_PUBLIC_ENDPOINT: {{ $values.s3.publicEndpoint | quote }}
{{- end }}
{{- if and (eq .name "gateway") $values.s3.publicEndpoint }}
CONTENT_REDIRECT: true
{{- end }}
{{- if and (eq .name "gateway") $values.ingress.enabled }}
ALLOWED_HOSTS: {{ $values.ingress.host }}
PUBLIC_URL: https://{{ $values.ingress.host }}
{{- end }}
{{- if and (eq .name "auth") $values.ingress.enabled }}
PUBLIC_URL: https://{{ $values.ingress.host }}
{{- end }}
{{- if and (eq .name "auth") $values.mail.host }}
SMTP_HOST: {{ $values.mail.host }}
SMTP_PORT: {{ $values.mail.port }}
SMTP_SECURITY: {{ $values.mail.security }}
MAIL_FROM: {{ $values.mail.from | quote }}
{{- end }}
{{- if eq .name "agent" }}
SCRATCH_DIR: /scratch
{{- /* Below the volume's size: a pod that fills its emptyDir is evicted. */}}
SCRATCH_BYTES: {{ div (mul (int64 $values.scratch.gib) 1073741824 9) 10 | quote }}
SWARM_PORT: {{ $values.swarm.port }}
{{- with $values.swarm.refusedNetworks }}
REFUSED_NETWORKS: {{ join "," . }}
{{- end }}
{{- end }}
{{- end }}

{{- /* A value as a setting wants it. Numbers come as floats, and a large one must not become 1e+08. */}}
{{- define "tseeder.text" -}}
{{- if kindIs "slice" . }}{{ join "," . }}
{{- else if kindIs "float64" . }}{{ ternary (printf "%.0f" .) (toString .) (eq . (floor .)) }}
{{- else }}{{ toString . }}
{{- end }}
{{- end }}

{{- /*
The settings that are secrets, FIELD: where it stands (`secret`: one of .Values.secrets, `key`: one of its keys). `path`:
the setting is the path of the file itself, not what is in it.
*/}}
{{- define "tseeder.secret" -}}
{{- $row := index (include "tseeder.table" . | fromYaml) .name }}
{{- if $row.postgres }}
DATABASE_URL: { secret: database, key: {{ .name }} }
IDENTITY_PUBLIC_KEYS: { secret: identity, key: publicKeys, path: true }
{{- end }}
{{- if and $row.nats .root.Values.secrets.nats.existingSecret }}
NATS_URL: { secret: nats, key: url }
{{- end }}
{{- if eq .name "auth" }}
IDENTITY_PRIVATE_KEY: { secret: identity, key: privateKey, path: true }
CRYPTO_KEYS: { secret: authCrypto, key: keys, path: true }
JOBS_FEED_TOKEN: { secret: feedTokens, key: jobs }
BILLING_FEED_TOKEN: { secret: feedTokens, key: billing }
{{- if .root.Values.secrets.smtp.existingSecret }}
SMTP_USERNAME: { secret: smtp, key: username }
SMTP_PASSWORD: { secret: smtp, key: password }
{{- end }}
{{- if .root.Values.secrets.turnstile.existingSecret }}
TURNSTILE_SECRET: { secret: turnstile, key: secret }
{{- end }}
{{- if .root.Values.secrets.oidc.existingSecret }}
OIDC_PROVIDERS: { secret: oidc, key: providers }
{{- end }}
{{- else if eq .name "billing" }}
AUTH_FEED_TOKEN: { secret: feedTokens, key: billing }
{{- else if eq .name "jobs" }}
AGENT_JOIN_SECRET: { secret: agentJoin, key: secret }
AUTH_FEED_TOKEN: { secret: feedTokens, key: jobs }
CRYPTO_KEYS: { secret: crypto, key: keys, path: true }
S3_ACCESS_KEY: { secret: s3Jobs, key: accessKey }
S3_SECRET_KEY: { secret: s3Jobs, key: secretKey }
{{- else if eq .name "agent" }}
JOIN_SECRET: { secret: agentJoin, key: secret }
S3_ACCESS_KEY: { secret: s3Agent, key: accessKey }
S3_SECRET_KEY: { secret: s3Agent, key: secretKey }
{{- if .root.Values.secrets.swarmProxy.existingSecret }}
PROXY_URL: { secret: swarmProxy, key: url }
{{- end }}
{{- end }}
{{- end }}

{{- define "tseeder.env" -}}
{{- $prefix := printf "TSEEDER_%s_" (upper .name) }}
{{- $plain := include "tseeder.plain" . | fromYaml }}
{{- range $field, $value := (include "tseeder.own" . | fromYaml).settings }}
{{- $_ := set $plain (upper $field) $value }}
{{- end }}
{{- range $field, $value := $plain }}
- { name: {{ $prefix }}{{ $field }}, value: {{ include "tseeder.text" $value | quote }} }
{{- end }}
{{- range $field, $at := include "tseeder.secret" . | fromYaml }}
- { name: {{ $prefix }}{{ $field }}{{ if not $at.path }}_FILE{{ end }}, value: /etc/tseeder/{{ $field | lower | replace "_" "-" }} }
{{- end }}
{{- if eq .name "agent" }}
- name: {{ $prefix }}AGENT_ID
  valueFrom: { fieldRef: { fieldPath: metadata.name } }
- name: {{ $prefix }}READ_ADDRESS
  valueFrom: { fieldRef: { fieldPath: status.podIP } }
{{- end }}
{{- end }}

{{- define "tseeder.secretVolume" -}}
{{- with include "tseeder.secret" . | fromYaml }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range $field, $at := . }}
      {{- $named := index $.root.Values.secrets $at.secret }}
      - secret:
          name: {{ $named.existingSecret }}
          items: [{ key: {{ index $named.keys $at.key | quote }}, path: {{ $field | lower | replace "_" "-" }} }]
      {{- end }}
{{- end }}
{{- end }}
