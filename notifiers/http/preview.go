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
	known := []string{notifiers.OneLine(m.Project), notifiers.OneLine(m.Rule), notifiers.OneLine(m.EventName)}
	target := call.method + " " + httpclient.ShowURL(call.url, known...)
	l := &preview.Layout{
		Channel: "HTTP", Facts: append([]preview.Fact{{Text: target}}, n.headerFacts(call, known)...),
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

// headerFacts returns the headers of a request. Only values that hold no secret are shown.
func (n *notifier) headerFacts(call call, known []string) []preview.Fact {
	header := map[string]string{"Webhook-Id": call.id, "User-Agent": httpclient.UserAgent}
	if len(call.body) > 0 {
		header["Content-Type"] = call.contentType()
	}
	for name, value := range call.headers {
		name = http.CanonicalHeaderKey(name)
		header[name] = notifiers.Hidden
		line := notifiers.OneLine(value)
		if httpclient.IsOpenHeader(name, line, known...) || notifiers.IsPublicHeader(name) {
			header[name] = line
		}
	}
	if len(n.config.authWays()) > 0 {
		header["Authorization"] = notifiers.Hidden
	}
	if len(n.signers) > 0 {
		header["Webhook-Timestamp"], header[signatureHeader] = "(when it is sent)", notifiers.Hidden
	}
	var facts []preview.Fact
	for _, name := range slices.Sorted(maps.Keys(header)) {
		facts = append(facts, preview.Fact{Name: name, Text: header[name]})
	}
	return facts
}
