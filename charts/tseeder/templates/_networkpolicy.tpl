{{- define "tseeder.egressDns" -}}
- to:
    {{- toYaml .Values.networkPolicy.dns.to | nindent 4 }}
  ports:
    - { port: 53, protocol: UDP }
    - { port: 53, protocol: TCP }
{{- end }}

{{- /* One of networkPolicy.postgres, .nats, .s3. */}}
{{- define "tseeder.egressTo" -}}
- to:
    {{- toYaml .to | nindent 4 }}
  ports:
    - { port: {{ int64 .port }}, protocol: TCP }
{{- end }}

{{- /*
The public internet: everything but what services/agent refuses by itself (domain/addresses.py; a test compares them)
and what the operator adds. The agent's own filter is the first wall, this is the second.
*/}}
{{- define "tseeder.internet" -}}
- ipBlock:
    cidr: 0.0.0.0/0
    except:
      - 0.0.0.0/8
      - 10.0.0.0/8
      - 100.64.0.0/10
      - 127.0.0.0/8
      - 169.254.0.0/16
      - 172.16.0.0/12
      - 192.0.0.0/24
      - 192.0.2.0/24
      - 192.88.99.0/24
      - 192.168.0.0/16
      - 198.18.0.0/15
      - 198.51.100.0/24
      - 203.0.113.0/24
      - 224.0.0.0/4
      - 240.0.0.0/4
      {{- range .Values.swarm.refusedNetworks }}
      {{- if not (contains ":" .) }}
      - {{ . }}
      {{- end }}
      {{- end }}
- ipBlock:
    cidr: ::/0
    except:
      - ::/3
      - 2001::/23
      - 2001:db8::/32
      - 2002::/16
      - 3fff::/20
      - 4000::/2
      - 8000::/1
      {{- range .Values.swarm.refusedNetworks }}
      {{- if contains ":" . }}
      - {{ . | quote }}
      {{- end }}
      {{- end }}
{{- end }}
