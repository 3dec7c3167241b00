{{- /*
The pod template of everything that this chart runs: dict "root", "name" (a service), "verb" ("serve", "migrate"),
"component" (its label), "account" (its ServiceAccount).
*/}}
{{- define "tseeder.pod" -}}
{{- $own := include "tseeder.own" . | fromYaml }}
{{- $row := index (include "tseeder.table" . | fromYaml) .name }}
{{- $values := .root.Values }}
{{- $serves := eq .verb "serve" }}
{{- $agent := eq .name "agent" }}
metadata:
  labels:
    {{- include "tseeder.labels" (dict "root" .root "name" .component) | nindent 4 }}
    {{- with $own.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $own.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ .account }}
  automountServiceAccountToken: false
  enableServiceLinks: false # their TSEEDER_..._SERVICE_HOST would look like settings
  {{- with $values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: {{ int64 $own.uid }}
    runAsGroup: {{ int64 $own.uid }}
    fsGroup: {{ int64 $own.uid }}
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: { type: RuntimeDefault }
  containers:
    - name: {{ .name }}
      image: {{ include "tseeder.image" . | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      args: [{{ .verb }}]
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: { drop: [ALL] }
      env:
        {{- include "tseeder.env" . | trim | nindent 8 }}
      resources:
        {{- if $serves }}
        {{- $resources := deepCopy $own.resources }}
        {{- if and $agent (eq $values.scratch.kind "emptyDir") }}
        {{- /* So that no more agents land on a node than its disk can take. */}}
        {{- $resources = merge $resources (dict "requests" (dict "ephemeral-storage" (printf "%dGi" (int64 $values.scratch.gib)))) }}
        {{- end }}
        {{- toYaml $resources | nindent 8 }}
        {{- else }}
        {{- toYaml $values.migrations.resources | nindent 8 }}
        {{- end }}
      {{- if $serves }}
      ports:
        {{- range $port, $number := $row.ports }}
        - { name: {{ $port }}, containerPort: {{ $number }} }
        {{- end }}
        {{- if and $agent $values.swarm.port }}
        - { name: swarm-tcp, containerPort: {{ int64 $values.swarm.port }}, protocol: TCP }
        - { name: swarm-udp, containerPort: {{ int64 $values.swarm.port }}, protocol: UDP }
        {{- end }}
      startupProbe:
        httpGet: { path: /healthz, port: ops }
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: 60
      livenessProbe: # the event loop runs; depends on nothing else, so that a lost database restarts nobody
        httpGet: { path: /healthz, port: ops }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe: # its checks take 1 s at most
        httpGet: { path: /readyz, port: ops }
        periodSeconds: 5
        timeoutSeconds: 3
        failureThreshold: 2
      {{- end }}
      volumeMounts:
        - { name: tmp, mountPath: /tmp }
        {{- if include "tseeder.secretVolume" . }}
        - { name: secrets, mountPath: /etc/tseeder, readOnly: true }
        {{- end }}
        {{- if $agent }}
        - { name: scratch, mountPath: /scratch }
        {{- end }}
  volumes:
    - name: tmp
      emptyDir: { sizeLimit: 512Mi }
    {{- with include "tseeder.secretVolume" . | trim }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- if $agent }}
    {{- include "tseeder.scratchVolume" .root | nindent 4 }}
    {{- end }}
  {{- if $serves }}
  terminationGracePeriodSeconds: {{ int64 $own.graceSeconds }}
  topologySpreadConstraints:
    {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "tseeder.selector" (dict "root" $.root "name" $.component) | nindent 10 }}
    {{- end }}
  {{- else }}
  restartPolicy: Never
  {{- end }}
  {{- with $own.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $own.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $own.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $own.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
{{- end }}

{{- define "tseeder.scratchVolume" -}}
- name: scratch
  {{- with .Values.scratch }}
  {{- if eq .kind "emptyDir" }}
  emptyDir: { sizeLimit: {{ int64 .gib }}Gi }
  {{- else }}
  ephemeral:
    volumeClaimTemplate:
      spec:
        accessModes: [ReadWriteOnce]
        {{- with .storageClassName }}
        storageClassName: {{ . }}
        {{- end }}
        resources: { requests: { storage: {{ int64 .gib }}Gi } }
  {{- end }}
  {{- end }}
{{- end }}
