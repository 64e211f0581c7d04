package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/slack-go/slack"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
)

// maxAnswer bounds the size of an answer of the Web API, which repeats the whole message.
const maxAnswer = 1 << 20

// postWebhook posts to an incoming webhook, whose answer is 200 and "ok", or an error code.
func (n *notifier) postWebhook(ctx context.Context, post any) (notifiers.Receipt, error) {
	const doing = "posting to the Slack webhook"
	body, err := json.Marshal(post)
	if err != nil {
		return notifiers.Receipt{}, notifiers.Permanent("writing the Slack message: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.config.WebhookURL.Value(), bytes.NewReader(body))
	if err != nil {
		return notifiers.Receipt{}, notifiers.Permanent("%s: %w", doing, n.mask.Error(err))
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", httpclient.UserAgent)
	a, err := httpclient.Exchange(n.client, req, httpclient.MaxReceipt)
	if err != nil {
		return notifiers.Receipt{}, n.mask.AttemptError(ctx, doing, err)
	}
	word := strings.TrimSpace(string(a.Body))
	switch {
	case a.Code == http.StatusOK && word == "ok":
		return a.Receipt(n.mask), nil
	case a.BodyErr != nil:
		return a.Receipt(n.mask), n.mask.AttemptError(ctx, doing+": reading the answer", a.BodyErr)
	}
	return a.Receipt(n.mask), n.failure(doing, a, refusal{code: parseCode(word)})
}

// destination is a channel or conversation: its id for the API, and its name for people.
type destination struct{ channel, name string }

// location identifies a posted message.
type location struct{ channel, ts string }

// postMessage calls chat.postMessage. below holds the options of a reply.
func (n *notifier) postMessage(
	ctx context.Context, to destination, post post, below ...slack.MsgOption,
) (sent location, r notifiers.Receipt, err error) {
	r, err = n.call(ctx, action{"posting to", to.name}, func(api *slack.Client) (err error) {
		sent.channel, sent.ts, err = api.PostMessageContext(ctx, to.channel, append(post.options(),
			append(below, slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl())...)...)
		return err
	})
	return sent, r, err
}

// updateMessage calls chat.update for a posted message.
func (n *notifier) updateMessage(ctx context.Context, at location, name string, post post) (notifiers.Receipt, error) {
	return n.call(ctx, action{"changing the message in", name}, func(api *slack.Client) error {
		_, _, _, err := api.UpdateMessageContext(ctx, at.channel, at.ts, post.changes()...)
		return err
	})
}

// options returns the message as options of the API client.
func (p post) options() []slack.MsgOption {
	options := []slack.MsgOption{slack.MsgOptionText(p.Text, false), slack.MsgOptionParse(false)}
	if len(p.Blocks) > 0 {
		blocks := make([]slack.Block, len(p.Blocks))
		for i, b := range p.Blocks {
			blocks[i] = b
		}
		options = append(options, slack.MsgOptionBlocks(blocks...))
	}
	if len(p.Attachments) > 0 {
		options = append(options, slack.MsgOptionAttachments(p.Attachments...))
	}
	return options
}

// changes returns options with empty lists first, since chat.update keeps the parts that a call leaves out.
func (p post) changes() []slack.MsgOption {
	return append([]slack.MsgOption{slack.MsgOptionBlocks(), slack.MsgOptionAttachments([]slack.Attachment{}...)},
		p.options()...)
}

// action describes a call for people: the activity, and the place it is for.
type action struct{ doing, place string }

func (d action) String() string {
	return strings.TrimSpace(d.doing + " " + notifiers.Cut(d.place, 100))
}

// call runs one method of the Web API.
func (n *notifier) call(ctx context.Context, deed action, method func(*slack.Client) error) (notifiers.Receipt, error) {
	recorder := &answerRecorder{client: n.client}
	err := method(slack.New(n.config.Token.Value(), slack.OptionAPIURL(n.config.APIURL),
		slack.OptionHTTPClient(recorder)))
	a := recorder.answer
	receipt := a.Receipt(n.mask)
	r := refusal{place: deed.place, code: parseCode(string(a.Body))}
	var refused slack.SlackErrorResponse
	switch {
	case err == nil && isOK(a.Body):
		return receipt, nil
	case a.BodyErr != nil:
		return receipt, n.mask.AttemptError(ctx, deed.String()+": reading the answer", a.BodyErr)
	case a.Code == 0:
		return receipt, n.mask.AttemptError(ctx, deed.String(), err)
	case a.Code == http.StatusOK && errors.As(err, &refused):
		r.code, r.needed = refused.Err, refused.Needed
		r.detail = strings.Join(refused.ResponseMetadata.Messages, "; ")
	}
	return receipt, n.failure(deed.String(), a, r)
}

// isOK reports whether an answer confirms success. The library accepts any answer without an error, even null.
func isOK(body []byte) bool {
	var said struct{ OK bool }
	return json.Unmarshal(body, &said) == nil && said.OK
}

// answerRecorder is the HTTP client of one call. It keeps the answer, since the library's errors leave most of it out.
type answerRecorder struct {
	client *http.Client
	answer httpclient.Answer
}

// scopesHeader is the header in which Slack lists the scopes of a token.
const scopesHeader = "X-Oauth-Scopes"

// Do sends req and returns the answer.
func (r *answerRecorder) Do(req *http.Request) (*http.Response, error) {
	req.Header.Set("User-Agent", httpclient.UserAgent)
	a, err := httpclient.Exchange(r.client, req, maxAnswer)
	if err != nil {
		return nil, err
	}
	r.answer = a
	body := io.Reader(bytes.NewReader(a.Body))
	if a.BodyErr != nil {
		body = io.MultiReader(body, failingReader{a.BodyErr})
	}
	return &http.Response{
		StatusCode: a.Code, Status: a.Status, Request: req, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"},
			scopesHeader: {a.Header.Get(scopesHeader)}}, Body: io.NopCloser(body),
	}, nil
}

// failingReader fails with its error.
type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }
