package access

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"qaserelay/relay/watch"
)

// ReadTokens reads a file of tokens, none of which may be that of the relay. Its errors name lines and show no token.
func ReadTokens(name, ofRelay string) ([]Token, error) {
	file, err := os.Open(name)
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return nil, err
	}
	defer file.Close()
	tokens, err := ParseTokens(file)
	if err != nil {
		return nil, err
	}
	for _, t := range tokens {
		if t.Secret == ofRelay {
			return nil, fmt.Errorf("%q has the token of --admin-token; give each a token of its own", t.Name)
		}
	}
	return tokens, nil
}

// tokensFile is what was read of the file last.
type tokensFile struct {
	mu  sync.Mutex
	sum [32]byte // of the tokens, which tells whether they have changed
	err string   // what was wrong with it, or empty
}

func sumOf(tokens []Token) [32]byte {
	text, _ := json.Marshal(tokens) // texts can be encoded
	return sha256.Sum256(text)
}

// Reload reads the file of tokens again, if there is one, and reports whether it has changed. A file with an error
// changes nothing: the tokens from before are taken, and the error is logged.
func (g *Guard) Reload() (changed bool, err error) {
	if g.o.TokensFile == "" {
		return false, nil
	}
	g.file.mu.Lock()
	defer g.file.mu.Unlock()
	tokens, err := ReadTokens(g.o.TokensFile, g.o.Token)
	if err != nil {
		known := g.file.err == err.Error()
		if g.file.err = err.Error(); known {
			return false, nil
		}
		g.o.Logger.Error("tokens not loaded: keeping the previous ones", "file", g.o.TokensFile, "error", err)
		return true, err
	}
	sum := sumOf(tokens)
	if sum == g.file.sum && g.file.err == "" {
		return false, nil
	}
	g.file.sum, g.file.err = sum, ""
	g.setTokens(tokens)
	g.o.Logger.Info("tokens loaded", "file", g.o.TokensFile, "tokens", len(tokens))
	return true, nil
}

// Watch reads the file of tokens again when it changes, until ctx is done. reloaded is called each time, with the error.
func (g *Guard) Watch(ctx context.Context, reloaded func(error)) error {
	if g.o.TokensFile == "" {
		return nil
	}
	return watch.Files{
		Dirs: func() map[string]bool { return watch.DirsOf(g.o.TokensFile) },
		Has:  func(base string) bool { return base == filepath.Base(g.o.TokensFile) },
		Look: func() bool {
			changed, err := g.Reload()
			if changed {
				reloaded(err)
			}
			return changed
		},
		Logger: g.o.Logger,
	}.Run(ctx)
}
