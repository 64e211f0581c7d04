package addresses

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/net/http/httpguts"

	"qaserelay/cmd/qase-relay/flags"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/admin/access"
	"qaserelay/rules/value"
)

// signInFlags say who may use the admin address.
type signInFlags struct {
	token      string
	tokensFile string
	header     string
	proxies    []string
	role       string
}

func (f *signInFlags) add(set *pflag.FlagSet) {
	flags.Secret{Name: "admin-token", Usage: "bearer `TOKEN` of the admin address, and the token with which one signs " +
		"in to the console; required unless the address is loopback"}.Add(set, &f.token)
	set.StringVar(&f.tokensFile, "admin-tokens-file", "",
		"`FILE` with the tokens of people: a name, a role (read or operate) and a token on each line; it is read again when "+
			"it changes")
	set.StringVar(&f.header, "admin-user-header", "",
		"`HEADER` by which a proxy in front of the admin address names the user, such as X-Forwarded-User")
	set.StringSliceVar(&f.proxies, "admin-trusted-proxies", nil, "networks (`CIDR`) of the proxies that may send it")
	set.StringVar(&f.role, "admin-user-role", "", "`ROLE` of these users: read or operate (default read)")
}

// apply sets what the flags say, or returns what is wrong with one of them.
func (f *signInFlags) apply(o *access.Options) (err error) {
	o.Token, o.Header = f.token, f.header
	if f.tokensFile != "" {
		o.TokensFile = f.tokensFile
		if o.Tokens, err = access.ReadTokens(f.tokensFile, f.token); err != nil {
			return terminal.Hint(fmt.Errorf("--admin-tokens-file: %s: %w", f.tokensFile, err),
				"a line is NAME ROLE TOKEN, with the role read or operate")
		}
	}
	if f.header != "" && !httpguts.ValidHeaderFieldName(f.header) {
		return terminal.Hint(errors.New("--admin-user-header: not the name of a header"), "for example X-Forwarded-User")
	}
	for _, text := range f.proxies {
		network, err := value.ParseNetwork(strings.TrimSpace(text))
		if err != nil {
			return terminal.Hint(fmt.Errorf("--admin-trusted-proxies: %w", err), "for example 127.0.0.1,10.0.0.0/8")
		}
		o.Proxies = append(o.Proxies, network)
	}
	if f.role != "" {
		if o.HeaderRole, err = access.ParseRole(f.role); err != nil {
			return fmt.Errorf("--admin-user-role: %w", err)
		}
	}
	if err := o.Check(); err != nil {
		return terminal.Hint(err, "use --admin-user-header, --admin-trusted-proxies and --admin-user-role together")
	}
	return nil
}
