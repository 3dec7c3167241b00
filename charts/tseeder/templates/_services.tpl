{{- /*
The one table of the services. Everything else in this chart is made from it: workloads, Services, settings, network
policies. `calls`: whose gRPC servers it talks to; `reads`: whose bytes. `postgres`: it owns a schema. `nats`, `s3`: it connects to them.
*/}}
{{- define "tseeder.table" -}}
gateway: { kind: Deployment, ports: { http: 8080, ops: 9090 }, calls: [auth, jobs, billing, admin], reads: [agent], postgres: false, nats: true, s3: true }
auth: { kind: Deployment, ports: { rpc: 50051, ops: 9090 }, calls: [], postgres: true, nats: true, s3: false }
jobs: { kind: Deployment, ports: { rpc: 50051, ops: 9090 }, calls: [auth, billing], postgres: true, nats: true, s3: true }
billing: { kind: Deployment, ports: { rpc: 50051, ops: 9090 }, calls: [auth], postgres: true, nats: false, s3: false }
admin: { kind: Deployment, ports: { rpc: 50051, ops: 9090 }, calls: [auth, jobs], postgres: true, nats: false, s3: false }
agent: { kind: StatefulSet, ports: { ops: 9090, read: 8090 }, calls: [jobs], postgres: false, nats: true, s3: true }
{{- end }}

{{- /* A service's values, over the defaults: dict "root" "name". */}}
{{- define "tseeder.own" -}}
{{- mergeOverwrite (deepCopy .root.Values.defaults) (index .root.Values.services .name | default dict) | toYaml }}
{{- end }}
