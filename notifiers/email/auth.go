package email

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail/smtp"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
)

// login logs in, if there is a username.
func (n *notifier) login(ctx context.Context, client *smtp.Client) error {
	if n.config.Username == "" || n.config.Auth == "none" {
		return nil
	}
	_, offered := client.Extension("AUTH")
	state, encrypted := client.TLSConnectionState()
	mechanism, err := n.config.mechanism(strings.Fields(strings.ToUpper(offered)), encrypted)
	if err != nil {
		return &notifiers.PermanentError{Reason: notifiers.ReasonAuth, Err: err}
	}
	if n.tokens != nil {
		return n.loginByToken(ctx, client)
	}
	return client.Auth(careful{n.authFor(mechanism, &state)})
}

// loginByToken logs in with a token from the endpoint. It drops a cached token that the server refuses, so that the
// next attempt gets another one.
func (n *notifier) loginByToken(ctx context.Context, client *smtp.Client) error {
	token, cached, err := n.tokens.Get(ctx)
	if err != nil {
		return n.mask.TokenError(ctx, ctx, err)
	}
	err = client.Auth(careful{smtp.XOAuth2Auth(n.config.Username, token.AccessToken)})
	if err == nil {
		return nil
	}
	var reply *textproto.Error
	isReply := errors.As(err, &reply)
	err = httpclient.NewRedactor(token.AccessToken).Error(err)
	switch {
	case isReply && reply.Code >= 500 && cached:
		n.tokens.Forget(ctx, " "+token.AccessToken)
		return &notifiers.TransientError{Reason: notifiers.ReasonAuth, Err: err}
	case isReply && reply.Code >= 500:
		return &notifiers.PermanentError{Reason: notifiers.ReasonAuth,
			Err: fmt.Errorf("%w: check username, and what the client of oauth2 may do", err)}
	}
	return err
}

// mechanism chooses one of the mechanisms that the server offers. A plain password only goes over an encrypted
// connection, or to this machine.
func (c Config) mechanism(offered []string, encrypted bool) (string, error) {
	if len(offered) == 0 {
		return "", fmt.Errorf("the server offers no login%s; write tls: starttls or implicit, or no username",
			unencrypted(encrypted))
	}
	for _, wanted := range c.mechanisms(encrypted) {
		if slices.Contains(offered, wanted) {
			return wanted, nil
		}
	}
	return "", fmt.Errorf("the server offers the logins %s%s, of which none will do; write auth or tls to fit",
		strings.Join(offered, ", "), unencrypted(encrypted))
}

// mechanisms returns the acceptable mechanisms, the best first.
func (c Config) mechanisms(encrypted bool) []string {
	switch {
	case c.Auth != "auto":
		return []string{strings.ToUpper(c.Auth)}
	case encrypted:
		plus := []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1"}
		return append(plus, "PLAIN", "LOGIN", "CRAM-MD5")
	case isLoopback(c.Host):
		return []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"}
	}
	return []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5"}
}

func unencrypted(encrypted bool) string {
	if encrypted {
		return ""
	}
	return " over this connection, which is not encrypted"
}

// authFor returns the login for a mechanism. The choice of the mechanism has made sure that the password is safe.
func (n *notifier) authFor(mechanism string, state *tls.ConnectionState) smtp.Auth {
	user, password, host := n.config.Username, n.config.Password.Value(), n.config.Host
	switch mechanism {
	case "SCRAM-SHA-256-PLUS":
		return smtp.ScramSHA256PlusAuth(user, password, state)
	case "SCRAM-SHA-1-PLUS":
		return smtp.ScramSHA1PlusAuth(user, password, state)
	case "SCRAM-SHA-256":
		return smtp.ScramSHA256Auth(user, password)
	case "SCRAM-SHA-1":
		return smtp.ScramSHA1Auth(user, password)
	case "LOGIN":
		return smtp.LoginAuth(user, password, host, true)
	case "CRAM-MD5":
		return smtp.CRAMMD5Auth(user, password)
	case "XOAUTH2":
		return smtp.XOAuth2Auth(user, password)
	}
	return smtp.PlainAuth("", user, password, host, true)
}

// maxIterations bounds how often a server may ask to hash the password (RFC 5802, section 5.1): less than a second of
// work, which cannot be interrupted.
const maxIterations = 1_000_000

// careful is a login that limits the work a server can ask for. Its errors are permanent: the server is an impostor, or
// does not implement the mechanism that it offers.
type careful struct{ smtp.Auth }

// Next implements [smtp.Auth].
func (a careful) Next(fromServer []byte, more bool) ([]byte, error) {
	for part := range strings.SplitSeq(string(fromServer), ",") {
		n, isCount := strings.CutPrefix(part, "i=")
		times, err := strconv.Atoi(n)
		isFirst := isCount && more && strings.HasPrefix(string(fromServer), "r=")
		if isFirst && (err != nil || times > maxIterations) {
			return nil, &notifiers.PermanentError{Reason: notifiers.ReasonAuth,
				Err: fmt.Errorf("the server wants the password hashed %.20s times, which is too much; "+
					"write another auth", n)}
		}
	}
	out, err := a.Auth.Next(fromServer, more)
	if err != nil {
		return nil, &notifiers.PermanentError{Reason: notifiers.ReasonAuth,
			Err: fmt.Errorf("%w: write another auth if the server is the right one", err)}
	}
	return out, nil
}
