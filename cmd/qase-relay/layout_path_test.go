package main

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"testing"
)

// pathStep is one step on the path of an event: a function, and the calls that lead on from it.
type pathStep struct {
	file  string
	entry string   // Name, or Type.Name
	calls []string // the functions that the entry calls, itself or by functions in the path's files of its folder
}

// eventPath lists the steps from the webhook to the recorded outcome. The calls of a step name the entry of the next
// one, and the one door of each package that the path passes by.
func eventPath() []pathStep {
	return []pathStep{
		{"relay/ingest/ingest.go", "Handler.webhook", []string{"Parse", "Accept"}},
		{"relay/engine.go", "Engine.Accept", []string{"enqueue"}},
		{"relay/engine.go", "Engine.Run", []string{"commitAll", "Run"}},
		{"relay/commit.go", "Engine.commitAll", []string{"Take", "AcceptFrom", "plan", "Enqueue"}},
		{"relay/plan.go", "Engine.plan", []string{"decide"}},
		{"relay/store/sqlite/accept.go", "Store.AcceptFrom", []string{"Call", "insertEvents"}},
		{"rules/decide.go", "Set.Decide", []string{"Match", "render"}},
		{"relay/dispatch/lane.go", "lane.run", []string{"Claim", "Reserve", "Allow", "Send", "Next", "report"}},
		{"notifiers/slack/slack.go", "notifier.Send", []string{"postWebhook", "sendByToken"}},
		{"relay/dispatch/outcome.go", "Dispatcher.finishAll", []string{"Finish"}},
	}
}

// TestThePathOfAnEventIsShort counts the lines of the path's files, and follows the path through them: it must not lead
// through a file that is not listed.
func TestThePathOfAnEventIsShort(t *testing.T) {
	const maxFiles, maxLines = 10, 1200
	files, sum := map[string]*pathFile{}, 0
	for _, f := range pathFiles(t) {
		files[f.name] = f
		sum += f.lines
		t.Logf("%4d %s", f.lines, f.name)
	}
	if len(files) > maxFiles || sum > maxLines {
		t.Errorf("the path of an event has %d lines in %d files, more than %d in %d", sum, len(files), maxLines,
			maxFiles)
	}
	for _, s := range eventPath() {
		reached := reachedFrom(s, files)
		if reached == nil {
			t.Errorf("%s has no function %s", s.file, s.entry)
			continue
		}
		for _, call := range s.calls {
			if !reached[call] {
				t.Errorf("%s: %s does not lead to %s without a detour through another file", s.file, s.entry, call)
			}
		}
	}
}

// pathFile is one file of the path.
type pathFile struct {
	name  string
	lines int
	funcs []*ast.FuncDecl
}

func pathFiles(t *testing.T) (all []*pathFile) {
	t.Helper()
	eachFile(t, func(name string, file *ast.File, pos *token.FileSet) {
		if !slices.ContainsFunc(eventPath(), func(s pathStep) bool { return s.file == name }) {
			return
		}
		f := &pathFile{name: name, lines: pos.Position(file.FileEnd).Line - 1}
		for _, d := range file.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
				f.funcs = append(f.funcs, fn)
			}
		}
		all = append(all, f)
	})
	return all
}

// reachedFrom returns the names that are called from the entry of a step and from all functions that it reaches in the
// files of its folder. It returns nil if the entry does not exist.
func reachedFrom(s pathStep, files map[string]*pathFile) map[string]bool {
	byName := map[string][]*ast.FuncDecl{}
	var waiting []*ast.FuncDecl
	for _, f := range files {
		for _, fn := range f.funcs {
			if path.Dir(f.name) == path.Dir(s.file) {
				byName[fn.Name.Name] = append(byName[fn.Name.Name], fn)
			}
			if f.name == s.file && receiver(fn)+fn.Name.Name == s.entry {
				waiting = append(waiting, fn)
			}
		}
	}
	if waiting == nil {
		return nil
	}
	reached := map[string]bool{}
	for len(waiting) > 0 {
		fn := waiting[0]
		waiting = waiting[1:]
		for _, name := range calledIn(fn) {
			if !reached[name] {
				reached[name] = true
				waiting = append(waiting, byName[name]...)
			}
		}
	}
	return reached
}

// calledIn returns the names of the functions and methods that a function calls.
func calledIn(fn *ast.FuncDecl) (names []string) {
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			switch f := call.Fun.(type) {
			case *ast.Ident:
				names = append(names, f.Name)
			case *ast.SelectorExpr:
				names = append(names, f.Sel.Name)
			}
		}
		return true
	})
	return names
}
