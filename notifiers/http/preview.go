package http

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/preview"
)

// Picture implements previewer. It shows the request line and the header, without what may be secret in them.
func (n *Notifier) Picture(m *notifiers.Message, sent []byte) (*preview.Picture, error) {
	call, err := n.Prepare(m)
	if err != nil {
		return nil, err
	}
	target := call.url.Scheme + "://" + call.url.Host
	if call.url.RequestURI() != "/" {
		target += "/…"
	}
	p := &preview.Picture{Channel: "HTTP", Facts: append([]preview.Fact{{Name: "", Text: call.method + " " + target}}, n.headerFacts(call)...)}
	text := httpclient.NewMasker(n.secrets()...).Mask(string(sent))
	var pretty bytes.Buffer
	if json.Indent(&pretty, []byte(text), "", "  ") == nil {
		text = pretty.String()
	}
	if text == "" {
		return p, nil
	}
	for _, l := range preview.SplitLines(text) {
		p.Lines = append(p.Lines, preview.Line{Runs: []preview.Run{{Text: l}}, Pre: true})
	}
	return p, nil
}

// headerFacts are the header fields of a request, the values hidden but for those that never hold a secret.
func (n *Notifier) headerFacts(call httpCall) []preview.Fact {
	const hidden = "<secret>"
	header := map[string]string{"Webhook-Id": call.id, "User-Agent": httpclient.UserAgent}
	if len(call.Body) > 0 {
		header["Content-Type"] = call.contentType()
	}
	for name, value := range call.headers {
		header[http.CanonicalHeaderKey(name)] = hidden
		name = http.CanonicalHeaderKey(name)
		if slices.Contains([]string{"Accept", "Accept-Language", "Content-Type", "User-Agent"}, name) {
			header[name] = notifiers.OneLine(value)
		}
	}
	if len(n.config.authWays()) > 0 {
		header["Authorization"] = hidden
	}
	if len(n.signers) > 0 {
		header["Webhook-Timestamp"], header["Webhook-Signature"] = "(when it is sent)", hidden
	}
	var facts []preview.Fact
	for _, name := range slices.Sorted(maps.Keys(header)) {
		facts = append(facts, preview.Fact{Name: name, Text: header[name]})
	}
	return facts
}
