package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-smtp"

	"qaserelay/relay/qaseapi/standin"
)

// arrival is a message that has arrived.
type arrival struct {
	channel string   // Slack, Mail or HTTP
	via     string   // the method of delivery, such as chat.postMessage
	to      string   // the recipient or channel
	facts   []string // further lines above the message, such as From
	title   string
	body    string
}

// receive is asked before an answer: slack, webhook, mail or tracker, and the recipient. It returns why the message is
// refused, such as 503, or an empty text.
type receive = func(receiver, to string) (refusal string)

// Receivers play Slack, a mail server, a web service and the Qase API, on free loopback ports.
type Receivers struct {
	web      *http.Server
	webLn    net.Listener
	smtp     *smtp.Server
	smtpLn   net.Listener
	qase     *standin.Server
	arrivals chan arrival
	asked    atomic.Pointer[receive] // nil: all is well
	quiet    atomic.Bool             // messages are received, and not shown
}

// NewReceivers listens on two free loopback ports.
func NewReceivers() (*Receivers, error) {
	r := &Receivers{arrivals: make(chan arrival, 64)}
	var err error
	if r.webLn, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("listening for web requests: %w", err)
	}
	if r.smtpLn, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, errors.Join(fmt.Errorf("listening for emails: %w", err), r.webLn.Close())
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /slack/api/chat.postMessage", r.slackAPI)
	mux.HandleFunc("POST /slack/webhook", r.slackWebhook)
	mux.HandleFunc("POST /tracker/issues", r.hook)
	r.qase = standin.New(world(time.Now()))
	mux.Handle("/v1/", r.qase)
	r.web = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	r.smtp = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &mailSession{r: r}, nil
	}))
	r.smtp.Domain = "localhost"
	r.smtp.ErrorLog = discardLog{}
	return r, nil
}

// Run serves until ctx is done.
func (r *Receivers) Run(ctx context.Context) {
	var servers sync.WaitGroup
	servers.Go(func() { _ = r.web.Serve(r.webLn) })
	servers.Go(func() { _ = r.smtp.Serve(r.smtpLn) })
	<-ctx.Done()
	_ = errors.Join(r.web.Close(), r.smtp.Close())
	servers.Wait()
}

// refusal returns why a receiver refuses a message, or an empty text.
func (r *Receivers) refusal(receiver, to string) string {
	if ask := r.asked.Load(); ask != nil {
		return (*ask)(receiver, to)
	}
	return ""
}

// refuse answers with a status if a receiver refuses a message, and reports whether it did.
func (r *Receivers) refuse(w http.ResponseWriter, receiver, to string) bool {
	status, err := strconv.Atoi(r.refusal(receiver, to))
	if err == nil {
		http.Error(w, strings.ToLower(http.StatusText(status)), status)
	}
	return err == nil
}

// show hands on a message that has arrived.
func (r *Receivers) show(a arrival) {
	if !r.quiet.Load() {
		r.arrivals <- a
	}
}

func (r *Receivers) webURL() string { return "http://" + r.webLn.Addr().String() }

// SMTPPort returns the port of the mail server.
func (r *Receivers) SMTPPort() int { return r.smtpLn.Addr().(*net.TCPAddr).Port }

// slackMessage holds the fields that the Web API and incoming webhooks of Slack have in common.
type slackMessage struct {
	Channel     string            `json:"channel"`
	Text        string            `json:"text"`
	Blocks      []slackBlock      `json:"blocks"`
	Attachments []slackAttachment `json:"attachments"`
}

type slackAttachment struct {
	Text    string       `json:"text"`
	Blocks  []slackBlock `json:"blocks"`
	Actions []struct {
		Text string `json:"text"`
		URL  string `json:"url"`
	} `json:"actions"`
}

type slackBlock struct {
	Type     string          `json:"type"`
	Text     json.RawMessage `json:"text"`
	Elements []slackBlock    `json:"elements"`
	Fields   []slackBlock    `json:"fields"`
}

// string returns the text of a block and its elements, as Slack's markup.
func (b slackBlock) string() string {
	var parts []string
	var object struct{ Text string }
	var plain string
	if json.Unmarshal(b.Text, &object) == nil && object.Text != "" {
		parts = append(parts, object.Text)
	} else if json.Unmarshal(b.Text, &plain) == nil && plain != "" {
		parts = append(parts, plain)
	}
	if b.Type == "header" { // plain text: its asterisks are not markup
		return "*" + strings.ReplaceAll(strings.Join(parts, ""), "*", "\u2060*\u2060") + "*"
	}
	for _, f := range b.Fields {
		name, value, _ := strings.Cut(f.string(), "\n")
		parts = append(parts, fmt.Sprintf("%-14s %s", name, value))
	}
	for _, inner := range b.Elements {
		parts = append(parts, inner.string())
	}
	return strings.Join(parts, "\n")
}

// arrival returns the message as Slack shows it. If it has blocks, its text is only for notifications.
func (m slackMessage) arrival() arrival {
	a := arrival{channel: "Slack", to: m.Channel}
	var parts []string
	if len(m.Blocks) == 0 {
		parts = append(parts, m.Text)
	}
	for _, b := range m.Blocks {
		parts = append(parts, b.string())
	}
	for _, at := range m.Attachments {
		if at.Text != "" {
			parts = append(parts, at.Text)
		}
		for _, b := range at.Blocks {
			parts = append(parts, b.string())
		}
		for _, button := range at.Actions {
			parts = append(parts, "[ "+button.Text+" ] <"+button.URL+">")
		}
	}
	a.body = strings.TrimSpace(strings.Join(parts, "\n"))
	return a
}

func (r *Receivers) slackAPI(w http.ResponseWriter, req *http.Request) {
	var m slackMessage
	if strings.HasPrefix(req.Header.Get("Content-Type"), "application/json") {
		_ = json.NewDecoder(io.LimitReader(req.Body, 1<<20)).Decode(&m)
	} else {
		m.Channel, m.Text = req.PostFormValue("channel"), req.PostFormValue("text")
		_ = json.Unmarshal([]byte(req.PostFormValue("blocks")), &m.Blocks)
		_ = json.Unmarshal([]byte(req.PostFormValue("attachments")), &m.Attachments)
	}
	a := m.arrival()
	a.via = "chat.postMessage"
	refusal := r.refusal("slack", a.to)
	if status, err := strconv.Atoi(refusal); err == nil {
		http.Error(w, http.StatusText(status), status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if refusal != "" {
		_, _ = fmt.Fprintf(w, `{"ok":false,"error":%q}`, refusal)
		return
	}
	_, _ = fmt.Fprintf(w, `{"ok":true,"channel":"C0DEMO","ts":"%d.000100"}`, time.Now().Unix())
	r.show(a)
}

func (r *Receivers) slackWebhook(w http.ResponseWriter, req *http.Request) {
	var m slackMessage
	_ = json.NewDecoder(io.LimitReader(req.Body, 1<<20)).Decode(&m)
	a := m.arrival()
	a.via, a.to = "incoming webhook", "the webhook's own channel"
	if r.refuse(w, "webhook", a.to) {
		return
	}
	_, _ = io.WriteString(w, "ok")
	r.show(a)
}

func (r *Receivers) hook(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(req.Body, 1<<20))
	a := arrival{channel: "HTTP", via: req.Method, to: req.URL.Path,
		facts: []string{"webhook-id: " + req.Header.Get("webhook-id")}}
	if sig := req.Header.Get("webhook-signature"); sig != "" {
		a.facts = append(a.facts, "webhook-timestamp: "+req.Header.Get("webhook-timestamp"), "webhook-signature: "+sig)
	}
	a.body = string(body)
	if r.refuse(w, "tracker", a.to) {
		return
	}
	w.WriteHeader(http.StatusNoContent)
	r.show(a)
}

// mailSession receives the emails of one SMTP connection.
type mailSession struct {
	r          *Receivers
	recipients []string
}

func (s *mailSession) Reset()                               { s.recipients = nil }
func (s *mailSession) Logout() error                        { return nil }
func (s *mailSession) Mail(string, *smtp.MailOptions) error { return nil }

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.r.refusal("mail", to) != "" {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such mailbox"}
	}
	s.recipients = append(s.recipients, to)
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	m, err := mail.CreateReader(r)
	if err != nil {
		return fmt.Errorf("reading the email: %w", err)
	}
	a := arrival{channel: "Mail", via: "SMTP", to: strings.Join(s.recipients, ", ")}
	a.title, _ = m.Header.Subject()
	for _, name := range []string{"From", "To", "Message-Id"} {
		if text, err := m.Header.Text(name); err == nil && text != "" {
			a.facts = append(a.facts, name+": "+text)
		}
	}
	for part, err := m.NextPart(); err == nil && a.body == ""; part, err = m.NextPart() {
		if kind := part.Header.Get("Content-Type"); kind == "" || strings.HasPrefix(kind, "text/plain") {
			text, _ := io.ReadAll(io.LimitReader(part.Body, 1<<20))
			a.body = strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n"))
		}
	}
	s.r.show(a)
	return nil
}

// discardLog drops the log of the mail server, which writes a line when the demo closes it.
type discardLog struct{}

func (discardLog) Printf(string, ...any) {}
func (discardLog) Println(...any)        {}
