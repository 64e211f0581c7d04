package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"qaserelay/cmd/qase-relay/flags"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/notifiers/redact"
	"qaserelay/relay/admin/client"
	"qaserelay/relay/admin/desk"
)

const (
	// defaultTimeout is the default of --timeout for one answer.
	defaultTimeout = 15 * time.Second
	// bulkTimeout is the default for operations on many events. The relay limits them to the same time.
	bulkTimeout = 10 * time.Minute
)

// clientFlags hold the admin address and the token of a running relay.
type clientFlags struct{ client.Options }

// add adds the flags. The value of Timeout is its default, unless it is zero.
func (f *clientFlags) add(set *pflag.FlagSet) {
	set.StringVar(&f.URL, "url", terminal.DefaultAdminURL, "admin `URL` of the relay")
	flags.Secret{Name: "token", Usage: "admin token of the relay (`TOKEN` of serve --admin-token)"}.Add(set, &f.Token)
	set.DurationVar(&f.Timeout, "timeout", cmp.Or(f.Timeout, defaultTimeout), "`DURATION` to wait for each answer")
}

// askFlags are the flags of a command that asks a running relay and prints the answer.
type askFlags struct {
	clientFlags
	json bool
}

func (f *askFlags) add(flags *pflag.FlagSet) {
	f.clientFlags.add(flags)
	flags.BoolVar(&f.json, "json", false, "print JSON")
}

// relayClient is a client of the admin API whose errors have hints and exit codes.
type relayClient struct{ client *client.Client }

func newRelayClient(f clientFlags) *relayClient { return &relayClient{client.New(f.Options)} }

// useZone makes a screen print times in settings.timezone of the relay, unless it is not set.
func (c *relayClient) useZone(ctx context.Context, s *terminal.Screen) {
	var status desk.Status
	if c.get(ctx, "status", nil, &status) != nil || !status.HasZone {
		return // the command itself reports an error
	}
	if zone, err := time.LoadLocation(status.Timezone); err == nil {
		s.Zone = zone
	}
}

// eachID does something for each id, and shows what was done. An id that the relay refuses is reported, does not stop
// the others, and makes the exit code 1; any other error ends it.
func eachID[T any](c *terminal.Console, ids []string, do func(id string) (T, error), show func(done []T) error) error {
	var failed error
	done := []T{}
	for _, id := range ids {
		one, err := do(id)
		var exit *terminal.ExitError
		switch {
		case errors.As(err, &exit):
			c.Err.Printf("%s %s: %v\n", c.Err.Bad("error:"), terminal.OneLine(id), err)
			failed = terminal.Wrong(nil)
		case err != nil && len(done) == 0:
			return err
		case err != nil:
			return cmp.Or(show(done), err)
		default:
			done = append(done, one)
		}
	}
	return cmp.Or(show(done), failed)
}

// authorOr returns the name of who asks for something: the user of this system, unless it is given.
func authorOr(given string) string { return cmp.Or(given, os.Getenv("USER"), os.Getenv("USERNAME")) }

// get decodes the answer at path, below /api/v1, into v.
func (c *relayClient) get(ctx context.Context, path string, query url.Values, v any) error {
	return withHint(c.client.Get(ctx, path, query, v))
}

// post sends body as JSON and decodes the answer into v.
func (c *relayClient) post(ctx context.Context, path string, body, v any) error {
	return withHint(c.client.Post(ctx, path, body, v))
}

// fetch decodes one of the events or deliveries into v.
func (c *relayClient) fetch(ctx context.Context, list, id string, v any) error {
	return notFound(c.get(ctx, list+"/"+url.PathEscape(id), nil, v), list, id)
}

// withHint adds a hint to an error of the client.
func withHint(err error) error {
	var address *client.AddressError
	var connection *client.ConnectionError
	var status *client.StatusError
	var answer *client.AnswerError
	switch {
	case errors.As(err, &address):
		return terminal.Hint(fmt.Errorf("--url %w", err), "for example %s", terminal.DefaultAdminURL)
	case errors.As(err, &connection):
		return connectionHint(connection)
	case errors.As(err, &status):
		return statusHint(status)
	case errors.As(err, &answer):
		return terminal.Hint(err, "--url is the admin address, not the public one")
	}
	return err
}

func connectionHint(err *client.ConnectionError) error {
	var lookup *net.DNSError
	var dial *net.OpError
	switch {
	case errors.As(err, &dial) && dial.Op == "dial" && dial.Timeout():
		return terminal.Hint(fmt.Errorf("no connection to %s in time", err.Host()),
			"is the machine running, and does a firewall allow the connection?")
	case errors.Is(err, syscall.ECONNREFUSED):
		return terminal.Hint(fmt.Errorf("nothing listens at %s", redact.Address(err.URL)),
			"--url is the address of a relay; serve logs it when it starts")
	case errors.Is(err, context.DeadlineExceeded):
		return terminal.Hint(fmt.Errorf("no answer from %s in time", err.Host()),
			"is this the address of a relay? --timeout waits longer")
	case errors.As(err, &lookup):
		return terminal.Hint(fmt.Errorf("there is no host %s", lookup.Name), "check the address in --url")
	}
	return err
}

func statusHint(status *client.StatusError) error {
	status.Reason = terminal.Printable(status.Reason)
	switch code := status.Code; {
	case code >= 300 && code < 400:
		return terminal.Hint(status, "redirects are not followed: give the final address as --url")
	case code == http.StatusUnauthorized:
		return terminal.Hint(status, "give the relay's --admin-token by --token, --token-file or QASE_RELAY_TOKEN")
	case code == http.StatusConflict:
		return terminal.Wrong(errors.New(status.Reason))
	case code == http.StatusNotFound, code == http.StatusMethodNotAllowed:
		return terminal.Hint(status,
			"--url is the admin address, not the public one; is the relay older than this program?")
	case code == http.StatusServiceUnavailable:
		return terminal.Hint(status, "the relay could not read or write its store; try again, and look at its log")
	}
	return status
}

// notFound replaces a 404 for one of the events or deliveries with an error that names the id. It returns other errors
// unchanged.
func notFound(err error, list, id string) error {
	var status *client.StatusError
	if !errors.As(err, &status) || status.Code != http.StatusNotFound {
		return err
	}
	noun, advice := "delivery", "to list the ids: qase-relay deliveries list"
	if list == "events" {
		noun = "event"
		advice = "to list the ids: qase-relay events list; events are deleted after settings.retention"
	}
	err = fmt.Errorf("the relay has no %s %s", noun, terminal.OneLine(id))
	return terminal.Wrong(terminal.Hint(err, "%s", advice))
}
