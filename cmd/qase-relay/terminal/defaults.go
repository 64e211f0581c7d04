package terminal

const DefaultRules = "rules.yaml"

const DefaultAdminURL = "http://127.0.0.1:9090"

const DefaultSendTo = "http://127.0.0.1:8080/webhooks/qase"
