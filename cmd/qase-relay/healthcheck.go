package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/notifiers/redact"
	"qaserelay/relay/admin/client"
)

func newHealthcheck(c *terminal.Console) *cobra.Command {
	var base string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "healthcheck [--url URL]",
		Short: "Ask a running relay whether it is ready",
		Long: `Asks a running relay whether it is ready to receive events. Exits with 0 if it is and with 1 if not.
For HEALTHCHECK in containers without curl.`,
		Example: `  qase-relay healthcheck
  qase-relay healthcheck --url http://10.0.0.5:9090`,
		Args: terminal.ArgsBetween(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return healthcheck(ctx, c, base)
		},
	}
	cmd.Flags().StringVar(&base, "url", terminal.DefaultAdminURL, "admin or public `URL` of the relay")
	cmd.Flags().DurationVar(&timeout, "timeout", 5*time.Second, "`DURATION` to wait for the answer")
	return cmd
}

func healthcheck(ctx context.Context, c *terminal.Console, base string) error {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return terminal.Hint(fmt.Errorf("--url %q is not a URL", redact.Address(base)), "for example %s", terminal.DefaultAdminURL)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.JoinPath("readyz").String(), nil)
	if err != nil {
		return fmt.Errorf("asking %s: %w", redact.Address(base), err)
	}
	resp, err := client.NewHTTPClient().Do(req)
	if err != nil {
		return terminal.Wrong(withHint(&client.ConnectionError{URL: base, Err: errors.Unwrap(err)}))
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	said := redact.New(redact.Password(base)).Hide(resp.Status + ": " + strings.TrimSpace(string(body)))
	if resp.StatusCode != http.StatusOK {
		return terminal.Wrong(fmt.Errorf("not ready: %s", terminal.Printable(said)))
	}
	c.Out.Printf("ready\n")
	return nil
}
