{{- define "qdrant-bench.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "qdrant-bench.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "qdrant-bench.fullname" .) -}}
{{- end -}}

{{- define "qdrant-bench.image" -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}

{{/* Labels of every object. Call with (list $ "component"). */}}
{{- define "qdrant-bench.labels" -}}
{{- $root := index . 0 -}}
{{ include "qdrant-bench.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: qdrant-bench
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end -}}

{{- define "qdrant-bench.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ default $root.Chart.Name $root.Values.nameOverride }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* A container's rights: none beyond those of its process. */}}
{{- define "qdrant-bench.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: { drop: [ALL] }
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "qdrant-bench.natsUrl" -}}
{{- if .Values.nats.enabled -}}
{{- printf "nats://%s-nats.%s.svc:4222" (include "qdrant-bench.fullname" .) .Release.Namespace -}}
{{- else -}}
{{- required "nats.enabled is false: set nats.url to your server, such as nats://nats.example:4222" .Values.nats.url -}}
{{- end -}}
{{- end -}}

{{/* The Secret of NATS's keys. Of the embedded server the operator makes it at its first start. */}}
{{- define "qdrant-bench.natsSecret" -}}
{{- if .Values.nats.enabled -}}
{{- include "qdrant-bench.fullname" . -}}-nats-auth
{{- else -}}
{{- required "nats.enabled is false: set nats.existingSecret to the Secret with your server's keys" .Values.nats.existingSecret -}}
{{- end -}}
{{- end -}}
