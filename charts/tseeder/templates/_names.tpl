{{- define "tseeder.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "tseeder.release" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* What selects the pods of one component: dict "root" "name". */}}
{{- define "tseeder.selector" -}}
{{ include "tseeder.release" .root }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{- define "tseeder.labels" -}}
{{ include "tseeder.selector" . }}
app.kubernetes.io/part-of: tseeder
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "tseeder.image" -}}
{{- $own := include "tseeder.own" . | fromYaml }}
{{- with .root.Values.image }}
{{- $tag := .tag | default $.root.Chart.AppVersion }}
{{- $own.image | default (printf "%s%s/%s:%s" (ternary "" (printf "%s/" .registry) (empty .registry)) .repository $.name $tag) }}
{{- end }}
{{- end }}
