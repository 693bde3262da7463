{{- define "tallystick.labels" -}}
app.kubernetes.io/name: tallystick
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
{{- end }}

{{- define "tallystick.selector" -}}
app.kubernetes.io/name: tallystick
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- /* Which key of the Secret each variable is of, for a component. */ -}}
{{- define "tallystick.secrets" -}}
{{- $keys := dict "TALLYSTICK_DATABASE_URL_FILE" "database_url" "TALLYSTICK_LOCAL_KEYS_MASTER_KEY_FILE" "master_key" -}}
{{- if has .component (list "migrate" "archive") }}{{ $_ := set $keys "TALLYSTICK_DATABASE_MIGRATOR_URL_FILE" "migrator_url" }}{{ end -}}
{{- if eq .component "seal" }}{{ $_ := set $keys "TALLYSTICK_SEAL_DATABASE_URL_FILE" "seal_database_url" }}{{ end -}}
{{- if eq .component "serve" }}{{ $_ := set $keys "TALLYSTICK_METRICS_DATABASE_URL_FILE" "metrics_database_url" }}{{ end -}}
{{- $custodian := .root.Values.secrets.custodian -}}
{{- if and (has .component (list "work" "seal")) $custodian.variable }}{{ $_ := set $keys $custodian.variable $custodian.key }}{{ end -}}
{{- toYaml $keys -}}
{{- end }}

{{- /* The pod of a component: `command`, and `lasts` of what is watched. */ -}}
{{- define "tallystick.pod" -}}
{{- $keys := include "tallystick.secrets" . | fromYaml -}}
{{- $values := .root.Values -}}
{{- $exports := and $values.exportsClaim (has .component (list "serve" "work")) -}}
{{- $archive := and $values.archiveClaim (has .component (list "archive" "verify-audit")) -}}
serviceAccountName: {{ .root.Release.Name }}-{{ has .component (list "work" "seal") | ternary "keys" "plain" }}
automountServiceAccountToken: false
terminationGracePeriodSeconds: 40
{{- with $values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
containers:
  - name: {{ .component }}
    image: "{{ $values.image.repository }}:{{ $values.image.tag }}"
    imagePullPolicy: {{ $values.image.pullPolicy }}
    args: {{ toJson .command }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
    env:
      - {name: TALLYSTICK_CONFIG, value: /etc/tallystick/tallystick.toml}
      - {name: TALLYSTICK_INSTALLATION_ID, value: {{ $values.installation.id | quote }}}
      - {name: TALLYSTICK_HTTP_BASE_URL, value: {{ $values.installation.baseUrl | quote }}}
      {{- range $variable, $key := $keys }}
      - {name: {{ $variable }}, value: /run/secrets/{{ $key }}}
      {{- end }}
      {{- if .lasts }}
      - {name: TALLYSTICK_METRICS_LISTEN, value: "0.0.0.0:{{ $values.metrics.port }}"}
      {{- end }}
      {{- if eq .component "serve" }}
      - {name: TALLYSTICK_HTTP_HOST, value: 0.0.0.0}
      - {name: TALLYSTICK_HTTP_PORT, value: {{ $values.serve.port | quote }}}
      - {name: TALLYSTICK_HTTP_TRUSTED_PROXIES, value: {{ $values.installation.trustedProxies | quote }}}
      {{- end }}
      {{- if eq .component "seal" }}
      - {name: TALLYSTICK_SEAL_STATE_FILE, value: /var/lib/tallystick/seal/sealer.json}
      {{- end }}
      {{- if $exports }}
      - {name: TALLYSTICK_EXPORTS_FOLDER, value: /var/lib/tallystick/exports}
      {{- end }}
      {{- if $archive }}
      - {name: TALLYSTICK_RETENTION_FOLDER, value: /var/lib/tallystick/archive}
      {{- end }}
    {{- if .lasts }}
    ports:
      {{- if eq .component "serve" }}
      - {name: http, containerPort: {{ $values.serve.port }}}
      {{- end }}
      - {name: metrics, containerPort: {{ $values.metrics.port }}}
    {{- if eq .component "serve" }}
    livenessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6}
    readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 5, timeoutSeconds: 5}
    startupProbe: {httpGet: {path: /metrics, port: metrics}, periodSeconds: 2, failureThreshold: 60}
    {{- else }}
    livenessProbe: {httpGet: {path: /metrics, port: metrics}, periodSeconds: 15, timeoutSeconds: 5, failureThreshold: 6}
    startupProbe: {httpGet: {path: /metrics, port: metrics}, periodSeconds: 2, failureThreshold: 60}
    {{- end }}
    {{- end }}
    resources: {{ toYaml .resources | nindent 6 }}
    volumeMounts:
      - {name: configuration, mountPath: /etc/tallystick, readOnly: true}
      - {name: secrets, mountPath: /run/secrets, readOnly: true}
      - {name: tmp, mountPath: /tmp}
      {{- if eq .component "seal" }}
      - {name: state, mountPath: /var/lib/tallystick/seal}
      {{- end }}
      {{- if $exports }}
      - {name: exports, mountPath: /var/lib/tallystick/exports}
      {{- end }}
      {{- if $archive }}
      - {name: archive, mountPath: /var/lib/tallystick/archive, readOnly: {{ eq .component "verify-audit" }}}
      {{- end }}
volumes:
  - name: configuration
    configMap: {name: {{ .root.Release.Name }}}
  - name: secrets
    secret:
      secretName: {{ $values.secrets.name }}
      defaultMode: 0440
      items:
        {{- range $key := values $keys | sortAlpha }}
        - {key: {{ $key }}, path: {{ $key }}}
        {{- end }}
  - name: tmp
    emptyDir: {sizeLimit: 64Mi}
  {{- if $exports }}
  - name: exports
    persistentVolumeClaim: {claimName: {{ $values.exportsClaim }}}
  {{- end }}
  {{- if $archive }}
  - name: archive
    persistentVolumeClaim: {claimName: {{ $values.archiveClaim }}}
  {{- end }}
{{- end }}
