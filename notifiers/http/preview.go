package http

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/markup"
	"qaserelay/notifiers/preview"
)

// Layout implements [preview.Previewer]. It shows the request line, the header and the body, with secrets hidden.
func (n *notifier) Layout(m *notifiers.Message) (*preview.Layout, error) {
	call, err := n.prepare(m)
	if err != nil {
		return nil, err
	}
	target := call.url.Scheme + "://" + call.url.Host
	if call.url.RequestURI() != "/" {
		target += "/…"
	}
	l := &preview.Layout{
		Channel: "HTTP", Facts: append([]preview.Fact{{Text: call.method + " " + target}}, n.headerFacts(call)...),
		Style: preview.Style{Framed: true, Bare: true},
	}
	body := []byte(httpclient.NewRedactor(n.secrets()...).Redact(string(call.body)))
	var pretty bytes.Buffer
	if json.Indent(&pretty, body, "", "  ") == nil {
		body = pretty.Bytes()
	}
	if len(body) > 0 {
		l.Lines = markup.Split(strings.TrimRight(string(body), "\n"))
	}
	for i := range l.Lines {
		l.Lines[i].Pre = true
	}
	return l, nil
}

// headerFacts returns the headers of a request. Only values that never hold a secret are shown.
func (n *notifier) headerFacts(call call) []preview.Fact {
	header := map[string]string{"Webhook-Id": call.id, "User-Agent": httpclient.UserAgent}
	if len(call.body) > 0 {
		header["Content-Type"] = call.contentType()
	}
	for name, value := range call.headers {
		name = http.CanonicalHeaderKey(name)
		header[name] = notifiers.Hidden
		if notifiers.IsPublicHeader(name) {
			header[name] = notifiers.OneLine(value)
		}
	}
	if len(n.config.authWays()) > 0 {
		header["Authorization"] = notifiers.Hidden
	}
	if len(n.signers) > 0 {
		header["Webhook-Timestamp"], header["Webhook-Signature"] = "(when it is sent)", notifiers.Hidden
	}
	var facts []preview.Fact
	for _, name := range slices.Sorted(maps.Keys(header)) {
		facts = append(facts, preview.Fact{Name: name, Text: header[name]})
	}
	return facts
}
