package notifiers

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// Teams takes messages of up to 28 KB; what the workflow adds is unknown, so ours are smaller.
const (
	teamsBytes    = 24_000
	teamsTitle    = 500
	teamsURL      = 1000
	teamsMentions = 20
)

// teamsConfig is what can be written for a notifier of type teams.
type teamsConfig struct {
	// URL of a workflow that begins with “When a Teams webhook request is received” and posts the card.
	WebhookURL Secret `yaml:"webhook_url" secret:"true"`
	// Longest time for one attempt. Default: 15s.
	Timeout time.Duration `yaml:"timeout"`
}

// teamsOptions are the message options of type teams.
type teamsOptions struct {
	// Who is mentioned: sign-in names (user principal names, such as bob@example.com) or object ids of Microsoft Entra.
	Mention []string `yaml:"mention" json:"mention,omitempty" as:"address"`
}

func teamsKind() Kind {
	return Kind{
		Type:    "teams",
		Summary: "a card in a Microsoft Teams channel or chat, by a workflow's webhook",
		Config:  func() any { return &teamsConfig{Timeout: 15 * time.Second} },
		Sample: func() any {
			return &teamsConfig{WebhookURL: NewSecret("https://example.logic.azure.com/workflows/preview"), Timeout: time.Second}
		},
		Options:     teamsOptions{},
		New:         newTeams,
		Concurrency: 2,
		Rate:        Rate{Messages: 60, Per: time.Minute, Burst: 4}, // https://learn.microsoft.com/en-us/connectors/teams/#limits
	}
}

// teamsNotifier posts Adaptive Cards to a workflow.
type teamsNotifier struct {
	*service
	config   teamsConfig
	defaults json.RawMessage
}

func newTeams(config any, defaults json.RawMessage) (Notifier, error) {
	c := *config.(*teamsConfig)
	_, err := mergeOptions[teamsOptions](nil, defaults)
	err = errors.Join(err, checkTimeout(c.Timeout), checkWebhookURL("webhook_url", c.WebhookURL,
		"Teams shows once the workflow “Send webhook alerts to a channel” is made"))
	if err != nil {
		return nil, err
	}
	return &teamsNotifier{newService("Teams", "webhook_url", c.Timeout, urlSecrets(c.WebhookURL.Value())...), c, defaults}, nil
}

// Send hands the card to the workflow. That it is accepted is all that Teams tells.
func (n *teamsNotifier) Send(ctx context.Context, m *Message) (Receipt, error) {
	post, err := n.compose(m)
	if err != nil {
		return Receipt{}, &PermanentError{Err: err}
	}
	return n.deliver(ctx, serviceCall{doing: "posting to the Teams workflow", url: n.config.WebhookURL.Value(), body: post}, readTeams)
}

// Preview returns the message as the workflow would get it.
func (n *teamsNotifier) Preview(m *Message) ([]byte, error) {
	post, err := n.compose(m)
	return previewJSON(post, err)
}

func (n *teamsNotifier) compose(m *Message) (teamsPost, error) {
	o, err := mergeOptions[teamsOptions](n.defaults, m.Options)
	if err != nil {
		return teamsPost{}, err
	}
	return teamsMessage(m, o), nil
}

// readTeams knows the error codes of workflows (https://learn.microsoft.com/en-us/azure/logic-apps/).
func readTeams(a answer) verdict {
	var said struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(a.body, &said) != nil {
		text := string(a.body)
		if a.code < 300 && strings.Contains(text, "Webhook message delivery failed") {
			return verdict{fate: again, detail: text, advice: "webhook_url is that of a connector, which are retired; make a workflow"}
		}
		if a.code < 300 && a.isPage() { // of a login or a proxy: a workflow has none
			return verdict{fate: strange}
		}
		return verdict{}
	}
	v := verdict{detail: strings.TrimSpace(said.Error.Code + " " + said.Error.Message)}
	switch said.Error.Code {
	case "WorkflowNotFound", "WorkflowTriggerNotFound", "WorkflowVersionNotFound":
		v.reason, v.advice = ReasonAuth, "the workflow was deleted; make a new one and put its URL into webhook_url"
	case "WorkflowTriggerIsNotEnabled", "WorkflowNotEnabled":
		v.fate, v.advice = never, "turn the workflow on, in Teams under Workflows"
	case "DirectApiAuthorizationRequired", "SignatureMismatch", "AuthenticationFailed", "AuthorizationFailed":
		v.reason, v.advice = ReasonAuth, "put the workflow's whole URL into webhook_url, with its sig; the trigger has to let anyone call it"
	case "TriggerInputSchemaMismatch":
		v.advice = "make the workflow from the template “Send webhook alerts to a channel”, which takes Adaptive Cards"
	}
	return v
}
