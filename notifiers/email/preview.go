package email

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/emersion/go-message/mail"

	"qaserelay/notifiers"
	"qaserelay/notifiers/preview"
)

// Picture implements previewer.
func (n *Notifier) Picture(_ *notifiers.Message, sent []byte) (*preview.Picture, error) {
	r, err := mail.CreateReader(bytes.NewReader(sent))
	if err != nil {
		return nil, err
	}
	p := &preview.Picture{Channel: "Mail"}
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
		drawPart(p, part.Header.Get("Content-Type"), string(body))
	}
}

// mailFacts are the addresses and the subject.
func mailFacts(h mail.Header) ([]preview.Fact, error) {
	var facts []preview.Fact
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
			facts = append(facts, preview.Fact{Name: name, Text: strings.Join(all, ", ")})
		}
	}
	subject, err := h.Subject()
	return append(facts, preview.Fact{Name: "Subject", Text: subject}), err
}

func drawPart(p *preview.Picture, kind, body string) {
	if strings.HasPrefix(kind, "text/html") {
		p.Page = body
		return
	}
	p.Lines = preview.PlainLines(strings.ReplaceAll(body, "\r\n", "\n"))
}
