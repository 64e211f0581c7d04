package notifiers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/emersion/go-message/mail"
)

// picture implements previewer.
func (n *emailNotifier) picture(_ *Message, sent []byte) (*Picture, error) {
	r, err := mail.CreateReader(bytes.NewReader(sent))
	if err != nil {
		return nil, err
	}
	p := &Picture{Channel: "Mail"}
	if p.Facts, err = mailFacts(r.Header); err != nil {
		return nil, err
	}
	for {
		part, err := r.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return p, nil
		case err != nil:
			return nil, err
		}
		body, err := io.ReadAll(part.Body)
		if err != nil {
			return nil, err
		}
		p.mailPart(part.Header.Get("Content-Type"), string(body))
	}
}

// mailFacts are the addresses and the subject.
func mailFacts(h mail.Header) ([]Fact, error) {
	var facts []Fact
	for _, name := range []string{"From", "To", "Cc", "Reply-To"} {
		list, err := h.AddressList(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		var all []string
		for _, a := range list {
			who := a.Address
			if a.Name != "" {
				who = a.Name + " <" + a.Address + ">"
			}
			all = append(all, who)
		}
		if len(all) > 0 {
			facts = append(facts, Fact{name, strings.Join(all, ", ")})
		}
	}
	subject, err := h.Subject()
	return append(facts, Fact{"Subject", subject}), err
}

func (p *Picture) mailPart(kind, body string) {
	if strings.HasPrefix(kind, "text/html") {
		p.Page = body
		return
	}
	p.Lines = plainLines(strings.ReplaceAll(body, "\r\n", "\n"))
}

// picture implements previewer. It shows the request line and the header, without what may be secret in them.
func (n *httpNotifier) picture(m *Message, sent []byte) (*Picture, error) {
	call, err := n.prepare(m)
	if err != nil {
		return nil, err
	}
	target := call.url.Scheme + "://" + call.url.Host
	if call.url.RequestURI() != "/" {
		target += "/…"
	}
	p := &Picture{Channel: "HTTP", Facts: append([]Fact{{"", call.method + " " + target}}, n.headerFacts(call)...)}
	text := newMasker(n.secrets()...).mask(string(sent))
	var pretty bytes.Buffer
	if json.Indent(&pretty, []byte(text), "", "  ") == nil {
		text = pretty.String()
	}
	if text == "" {
		return p, nil
	}
	for _, l := range splitLines(text) {
		p.Lines = append(p.Lines, Line{Runs: []Run{{Text: l}}, Pre: true})
	}
	return p, nil
}

// headerFacts are the header fields of a request, the values hidden but for those that never hold a secret.
func (n *httpNotifier) headerFacts(call httpCall) []Fact {
	const hidden = "<secret>"
	header := map[string]string{"Webhook-Id": call.id, "User-Agent": userAgent}
	if len(call.body) > 0 {
		header["Content-Type"] = call.contentType()
	}
	for name, value := range call.headers {
		header[http.CanonicalHeaderKey(name)] = hidden
		name = http.CanonicalHeaderKey(name)
		if slices.Contains([]string{"Accept", "Accept-Language", "Content-Type", "User-Agent"}, name) {
			header[name] = oneLine(value)
		}
	}
	if len(n.config.authWays()) > 0 {
		header["Authorization"] = hidden
	}
	if len(n.signers) > 0 {
		header["Webhook-Timestamp"], header["Webhook-Signature"] = "(when it is sent)", hidden
	}
	var facts []Fact
	for _, name := range slices.Sorted(maps.Keys(header)) {
		facts = append(facts, Fact{name, header[name]})
	}
	return facts
}

// picture implements previewer.
func (n *pagerNotifier) picture(_ *Message, sent []byte) (*Picture, error) {
	var event pagerEvent
	if err := json.Unmarshal(sent, &event); err != nil {
		return nil, err
	}
	p := &Picture{Channel: "PagerDuty", Facts: []Fact{{"", event.Action}, {"Alert", event.DedupKey}}}
	if event.Payload == nil {
		return p, nil
	}
	p.Color = map[string]string{"critical": levelColor("error"), "error": levelColor("error"), "warning": levelColor("warning")}[event.Payload.Severity]
	p.Facts = append(p.Facts, Fact{"Severity", event.Payload.Severity}, Fact{"Source", event.Payload.Source})
	p.Lines = append(plainLine(event.Payload.Summary, Run{Bold: true}), apart(plainLines(event.Payload.Details["body"]), nil)...)
	for _, l := range event.Links {
		p.Buttons = append(p.Buttons, Run{Text: l.Text, URL: l.Href})
	}
	return p, nil
}

// picture implements previewer.
func (n *ntfyNotifier) picture(m *Message, sent []byte) (*Picture, error) {
	var post ntfyPost
	if err := json.Unmarshal(sent, &post); err != nil {
		return nil, err
	}
	words := []string{"min", "low", "default", "high", "max"}
	p := &Picture{Channel: "ntfy", Facts: []Fact{{"", post.Topic}, {"Priority", words[min(max(post.Priority, 1), 5)-1]}}}
	if own := post.Tags[min(1, len(post.Tags)):]; len(own) > 0 {
		p.Facts = append(p.Facts, Fact{"Tags", visible(strings.Join(own, ", "))})
	}
	p.Lines = append(plainLine(levelEmoji(m.Level)+" "+post.Title, Run{Bold: true}), apart(smallLast(plainLines(post.Message)), nil)...)
	for _, a := range post.Actions {
		p.Buttons = append(p.Buttons, Run{Text: a.Label, URL: a.URL})
	}
	return p, nil
}
