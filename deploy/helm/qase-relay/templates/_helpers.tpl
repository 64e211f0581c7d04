{{- define "qase-relay.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "qase-relay.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains .Chart.Name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "qase-relay.name" .) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "qase-relay.selector" -}}
app.kubernetes.io/name: {{ include "qase-relay.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "qase-relay.labels" -}}
{{ include "qase-relay.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "qase-relay.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "qase-relay.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "qase-relay.rulesConfigMap" -}}
{{- default (printf "%s-rules" (include "qase-relay.fullname" .)) .Values.rules.existingConfigMap }}
{{- end }}

{{- define "qase-relay.adminSecret" -}}
{{- default (printf "%s-admin" (include "qase-relay.fullname" .)) .Values.admin.existingSecret }}
{{- end }}

{{/* What a schema cannot say: values that do not fit each other. */}}
{{- define "qase-relay.validate" -}}
{{- $page := "see deploy/README.md, “Kubernetes”" }}
{{- with .Values }}
{{- if and (not .rules.existingConfigMap) (not (hasKey .rules.files "rules.yaml")) }}
{{- fail (printf "rules: give rules.files a rules.yaml (--set-file 'rules.files.rules\\.yaml=rules.yaml'), or rules.existingConfigMap the name of a ConfigMap with one; %s" $page) }}
{{- end }}
{{- if and .rules.existingConfigMap .rules.files }}
{{- fail (printf "rules: rules.files and rules.existingConfigMap exclude each other; %s" $page) }}
{{- end }}
{{- if and (eq .store.type "sqlite") (gt (int .replicas) 1) }}
{{- fail (printf "replicas: %d relays need a common store: set store.type to postgres; %s" (int .replicas) $page) }}
{{- end }}
{{- if and (eq .store.type "postgres") (not .store.postgres.existingSecret) }}
{{- fail (printf "store.postgres.existingSecret: give it the name of a Secret that holds the URL of the database under the key %q; %s" .store.postgres.key $page) }}
{{- end }}
{{- if and .ingress.enabled (not .ingress.host) }}
{{- fail (printf "ingress.host: give it the name under which Qase reaches the relay; %s" $page) }}
{{- end }}
{{- if and .serviceMonitor.enabled (not .admin.enabled) }}
{{- fail (printf "serviceMonitor.enabled: metrics are at the admin address: set admin.enabled to true; %s" $page) }}
{{- end }}
{{- range $name, $value := .flags }}
{{- if has $name (list "rules" "store" "store-file" "listen" "admin-listen" "admin-token" "admin-token-file" "admin-url" "trusted-proxies" "log-level" "log-format" "dry-run") }}
{{- fail (printf "flags.%s: the chart has a value of its own for it (store, admin, trustedProxies, logLevel, …); %s" $name $page) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "qase-relay.pod" -}}
metadata:
  labels:
    {{- include "qase-relay.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: relay
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "qase-relay.serviceAccountName" . }}
  automountServiceAccountToken: false
  # a Service called qase-relay would set variables such as QASE_RELAY_PORT, which are flags of the program
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: relay
      image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        - serve
        - --rules=/etc/qase-relay/rules.yaml
        - --listen=:8080
        - --log-level={{ .Values.logLevel }}
        - --log-format={{ .Values.logFormat }}
        {{- if .Values.admin.enabled }}
        - --admin-listen=:9090
        - --admin-token-file=/etc/qase-relay-admin/token
        - --admin-url=http://{{ include "qase-relay.fullname" . }}-admin.{{ .Release.Namespace }}.svc:9090
        {{- range .Values.admin.urls }}
        - --admin-url={{ . }}
        {{- end }}
        {{- end }}
        {{- if .Values.dryRun }}
        - --dry-run
        {{- end }}
        {{- with .Values.trustedProxies }}
        - --trusted-proxies={{ join "," . }}
        {{- end }}
        {{- if eq .Values.store.type "sqlite" }}
        - --store=sqlite:///data/relay.db
        {{- else }}
        - --store-file=/etc/qase-relay-store/url
        {{- end }}
        {{- range $name, $value := .Values.flags }}
        - {{ printf "--%s=%s" $name (kindIs "string" $value | ternary $value (toJson $value)) | quote }}
        {{- end }}
      {{- with .Values.envFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.env }}
      env:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: public
          containerPort: 8080
        {{- if .Values.admin.enabled }}
        - name: admin
          containerPort: 9090
        {{- end }}
      startupProbe:
        httpGet: {path: /healthz, port: public}
        periodSeconds: 2
        failureThreshold: 90
      livenessProbe:
        httpGet: {path: /healthz, port: public}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /readyz, port: public}
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 2
      {{- with .Values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      volumeMounts:
        - name: rules
          mountPath: /etc/qase-relay
          readOnly: true
        - name: data
          mountPath: /data
        {{- if .Values.admin.enabled }}
        - name: admin
          mountPath: /etc/qase-relay-admin
          readOnly: true
        {{- end }}
        {{- if eq .Values.store.type "postgres" }}
        - name: store
          mountPath: /etc/qase-relay-store
          readOnly: true
        {{- end }}
        {{- if .Values.secretFiles.existingSecret }}
        - name: secrets
          mountPath: /etc/qase-relay-secrets
          readOnly: true
        {{- end }}
  volumes:
    - name: rules
      configMap:
        name: {{ include "qase-relay.rulesConfigMap" . }}
    {{- if .Values.admin.enabled }}
    - name: admin
      secret:
        secretName: {{ include "qase-relay.adminSecret" . }}
        defaultMode: 0440
        items:
          - key: {{ .Values.admin.key }}
            path: token
    {{- end }}
    {{- if eq .Values.store.type "postgres" }}
    - name: store
      secret:
        secretName: {{ .Values.store.postgres.existingSecret }}
        defaultMode: 0440
        items:
          - key: {{ .Values.store.postgres.key }}
            path: url
    - name: data
      emptyDir: {}
    {{- else if .Values.store.sqlite.existingClaim }}
    - name: data
      persistentVolumeClaim:
        claimName: {{ .Values.store.sqlite.existingClaim }}
    {{- end }}
    {{- with .Values.secretFiles.existingSecret }}
    - name: secrets
      secret:
        secretName: {{ . }}
        defaultMode: 0440
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml .Values.topologySpreadConstraints | nindent 4 }}
  {{- else if eq .Values.store.type "postgres" }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "qase-relay.selector" . | nindent 10 }}
  {{- end }}
{{- end }}
