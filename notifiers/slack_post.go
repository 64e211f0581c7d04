package notifiers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/slack-go/slack"
)

// maxSlackAnswer bounds what is read of an answer of the Web API, which repeats the whole message.
const maxSlackAnswer = 1 << 20

// postWebhook posts to an incoming webhook, whose answer is 200 and "ok", or a word that says what is wrong.
func (n *slackNotifier) postWebhook(outer, ctx context.Context, post slackPost) (Receipt, error) {
	const doing = "posting to the Slack webhook"
	body, err := json.Marshal(post)
	if err != nil {
		return Receipt{}, &PermanentError{Err: fmt.Errorf("writing the Slack message: %w", err)}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.config.WebhookURL.Value(), bytes.NewReader(body))
	if err != nil {
		return Receipt{}, &PermanentError{Err: fmt.Errorf("%s: %w", doing, n.mask.error(err))}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", userAgent)
	a, err := exchange(n.client, req, maxReceipt)
	if err != nil {
		return Receipt{}, n.mask.attemptError(outer, doing, err)
	}
	word := strings.TrimSpace(string(a.body))
	switch {
	case a.code == http.StatusOK && word == "ok":
		return a.receipt(n.mask), nil
	case a.bodyErr != nil:
		return a.receipt(n.mask), n.mask.attemptError(outer, doing+": reading the answer", a.bodyErr)
	}
	return a.receipt(n.mask), n.slackFailure(doing, a, slackCode(word), "")
}

// postMessage calls chat.postMessage.
func (n *slackNotifier) postMessage(outer, ctx context.Context, post slackPost) (Receipt, error) {
	doing := "posting to " + cut(post.Channel, 100)
	recorder := &slackRecorder{client: n.client}
	api := slack.New(n.config.Token.Value(), slack.OptionAPIURL(n.config.APIURL), slack.OptionHTTPClient(recorder))
	_, _, err := api.PostMessageContext(ctx, post.Channel,
		slack.MsgOptionText(post.Text, false),
		slack.MsgOptionAttachments(post.Attachments...),
		slack.MsgOptionDisableLinkUnfurl(),
		slack.MsgOptionDisableMediaUnfurl())
	a := recorder.answer
	receipt := a.receipt(n.mask)
	var refused slack.SlackErrorResponse
	switch {
	case err == nil:
		return receipt, nil
	case a.code == 0 || a.bodyErr != nil:
		return receipt, n.mask.attemptError(outer, doing, err)
	case a.code == http.StatusOK && errors.As(err, &refused):
		return receipt, n.slackFailure(doing, a, refused.Err, strings.Join(refused.ResponseMetadata.Messages, "; "))
	}
	return receipt, n.slackFailure(doing, a, slackCode(string(a.body)), "")
}

// slackRecorder is the HTTP client of one call. It keeps the answer, of which the library's errors tell too little.
type slackRecorder struct {
	client *http.Client
	answer answer
}

// Do sends req and hands the answer on.
func (r *slackRecorder) Do(req *http.Request) (*http.Response, error) {
	req.Header.Set("User-Agent", userAgent)
	a, err := exchange(r.client, req, maxSlackAnswer)
	if err != nil {
		return nil, err
	}
	r.answer = a
	body := io.Reader(bytes.NewReader(a.body))
	if a.bodyErr != nil {
		body = io.MultiReader(body, failingReader{a.bodyErr})
	}
	return &http.Response{
		StatusCode: a.code, Status: a.status, Request: req, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(body),
	}, nil
}

// failingReader fails with its error.
type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }
