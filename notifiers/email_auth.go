package notifiers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wneessen/go-mail/smtp"
)

// login logs in, if there is a username.
func (n *emailNotifier) login(client *smtp.Client) error {
	if n.config.Username == "" || n.config.Auth == "none" {
		return nil
	}
	_, offered := client.Extension("AUTH")
	_, encrypted := client.TLSConnectionState()
	mechanism, err := n.config.mechanism(strings.Fields(strings.ToUpper(offered)), encrypted)
	if err != nil {
		return &PermanentError{ReasonAuth, err}
	}
	return client.Auth(n.smtpAuth(mechanism))
}

// mechanism chooses how to log in among what the server offers. The password itself goes over encrypted connections
// only, or to this machine.
func (c emailConfig) mechanism(offered []string, encrypted bool) (string, error) {
	if len(offered) == 0 {
		return "", fmt.Errorf("the server offers no login%s; write tls: starttls or implicit, or no username", unencrypted(encrypted))
	}
	wanted := []string{strings.ToUpper(c.Auth)}
	if c.Auth == "auto" {
		wanted = []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN", "CRAM-MD5"}
		if !encrypted {
			wanted = []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5"}
		}
		if !encrypted && isLoopback(c.Host) {
			wanted = append(wanted, "PLAIN", "LOGIN")
		}
	}
	for _, w := range wanted {
		if slices.Contains(offered, w) {
			return w, nil
		}
	}
	return "", fmt.Errorf("the server offers the logins %s%s, of which none will do; write auth or tls to fit",
		strings.Join(offered, ", "), unencrypted(encrypted))
}

func unencrypted(encrypted bool) string {
	if encrypted {
		return ""
	}
	return " over this connection, which is not encrypted"
}

// smtpAuth is the login for a mechanism. That the password is not shown has been seen to.
func (n *emailNotifier) smtpAuth(mechanism string) smtp.Auth {
	user, password, host := n.config.Username, n.config.Password.Value(), n.config.Host
	switch mechanism {
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
