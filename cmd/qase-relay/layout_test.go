package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const moduleName = "qaserelay"

// pkg describes the package of one directory.
type pkg struct {
	name     string
	comments []string // the files with a package comment
	imports  map[string]bool
	funcs    map[string]bool // Name, Type.Name, and Type.Name for methods of interfaces
}

// mayImport lists for each package the packages of this module that it may import outside its tests. Each new package
// needs a line. A line that ends in /* covers each folder without a line of its own.
func mayImport() map[string][]string {
	language := []string{"rules/budget", "rules/catalog", "rules/diag", "rules/value", "rules/event", "rules/people",
		"rules/condition", "rules/template", "rules/message", "rules/memory", "rules/defaults", "rules/hints",
		"rules/flow", "rules/flow/window", "rules/failures",
		"rules/silence", "rules/target"}
	file := append([]string{"rules", "rules/yamldoc", "rules/rulefile"}, language...)
	reading := append([]string{"rules/lint"}, file...)
	kind := []string{"notifiers", "notifiers/markup", "notifiers/httpclient", "notifiers/preview",
		"notifiers/service"}
	engine := append([]string{"relay/config", "relay/dispatch", "relay/metrics", "relay/sampledlog", "relay/silences",
		"relay/qaseapi", "relay/asker", "relay/store", "relay/store/groupcommit", "relay/telemetry", "notifiers"}, language...)
	engine = append(engine, "rules")
	return map[string][]string{
		"rules/catalog":       {},
		"rules/diag":          {},
		"rules/value":         {},
		"rules/budget":        {},
		"rules/flow":          {"rules/flow/window", "rules/message", "rules/value"},
		"rules/flow/window":   {"rules/catalog"},
		"rules/failures/mask": {"rules/message"},
		"rules/failures":      {"rules/failures/mask", "rules/event", "rules/message", "rules/people", "rules/value"},
		"rules/event":         {"rules/catalog", "rules/value"},
		"rules/index":         {"rules/condition", "rules/event"},
		"rules/recap":         {"rules/failures", "rules/flow/window", "rules/memory"},
		"rules/hints":         {"rules/catalog", "rules/condition", "rules/event", "rules/memory", "rules/value"},
		"rules/defaults": {"rules/event", "rules/flow", "rules/memory", "rules/message", "rules/people", "rules/template",
			"rules/template/funcs", "rules/value"},
		"rules/memory": {"rules/event", "rules/people", "rules/value"},
		"rules/people": {"rules/catalog", "rules/value", "rules/event"},
		"rules/condition": {"rules/budget", "rules/catalog", "rules/diag", "rules/value", "rules/event",
			"rules/condition/syntax", "rules/condition/diagnose"},
		"rules/condition/syntax":   {},
		"rules/condition/diagnose": {"rules/catalog", "rules/diag", "rules/value", "rules/condition/syntax"},
		"rules/message":            {}, // made by rules and sent by notifiers, which do not know each other
		"rules/message/markdown":   {},
		"rules/silence":            {"rules/budget", "rules/catalog", "rules/condition", "rules/value"},
		"rules/template": {"rules/budget", "rules/message", "rules/message/markdown", "rules/catalog", "rules/diag",
			"rules/value", "rules/people", "rules/template/funcs"},
		"rules/template/funcs": {"rules/budget", "rules/value", "rules/people"},
		"rules/settings":       {"rules/failures"},
		"rules/target":         {"rules/people", "rules/template", "rules/value"},
		"rules/timing":         {"rules/condition", "rules/flow", "rules/flow/window", "rules/target", "rules/template"},
		"rules":                append([]string{"rules/index", "rules/recap", "rules/settings", "rules/timing"}, language...),
		"rules/placeholder":    {}, // of rules files, and of addresses in notifiers
		"rules/yamldoc":        {"rules/catalog", "rules/diag", "rules/value", "rules/placeholder"},
		"rules/rulefile": append([]string{"rules", "rules/yamldoc", "rules/rulefile/wished", "rules/rulefile/testfile"},
			language...),
		"rules/rulefile/testfile": {"rules", "rules/failures", "rules/people",
			"rules/yamldoc", "rules/catalog", "rules/diag", "rules/event", "rules/message",
			"rules/silence", "rules/value"},
		"rules/rulefile/wished":  {},
		"rules/rulefile/written": {"rules/diag", "rules/failures/mask", "rules/message", "rules/yamldoc"},
		"rules/lint": append([]string{"rules/lint/judge", "rules/lint/calls", "rules/lint/layout",
			"rules/condition/syntax"}, file...),
		"rules/lint/judge": append([]string{"rules", "rules/condition/syntax", "rules/condition/diagnose",
			"rules/lint/layout"},
			language...),
		"rules/lint/calls":  {"rules/diag", "rules/value", "rules/template", "rules/template/funcs", "rules/lint/layout"},
		"rules/lint/layout": {},
		"rules/ruletest":    append([]string{"rules/rulefile/testfile"}, file...),

		"rules/condition/conditiontest": {"rules/event"},                           // for tests
		"rules/rulefile/rulefiletest":   append([]string{"notifiers"}, reading...), // for tests

		"notifiers":                   {"rules/message"},
		"notifiers/markup":            {"notifiers", "rules/message", "rules/message/markdown"},
		"notifiers/redact":            {"notifiers"},
		"notifiers/httpclient":        {"notifiers", "notifiers/httpclient/direct", "notifiers/redact", "rules/placeholder"},
		"notifiers/httpclient/direct": {},
		"notifiers/preview":           {"notifiers", "notifiers/markup"},
		"notifiers/service":           {"notifiers", "notifiers/httpclient", "notifiers/preview"},
		"notifiers/*":                 kind,
		"notifiers/http": append([]string{"rules/message", "rules/value"},
			kind...), // its default body is the message as JSON
		"notifiers/notifierstest": {"rules/message", "notifiers", "notifiers/markup", "notifiers/httpclient",
			"notifiers/preview"}, // for tests
		"notifiers/builtin": append([]string{"notifiers/*"}, kind...),

		"relay/store":                     {},
		"relay/store/groupcommit":         {},
		"relay/store/pgtest":              {}, // for tests
		"relay/store/engine":              {"relay/store"},
		"relay/store/listing":             {"relay/store", "relay/store/engine"},
		"relay/store/search":              {"relay/store", "rules/event", "rules/value"},
		"relay/store/ledger":              {"relay/store", "relay/store/engine", "relay/store/listing", "relay/store/search"},
		"relay/store/storetest/seed":      {"relay/store", "relay/store/ledger", "relay/store/transfer"}, // for tests
		"relay/store/storetest/slotbench": {"relay/store", "relay/store/storetest"},                      // for tests
		"relay/store/storetest/apart":     {"relay/store", "relay/store/storetest"},                      // for tests
		"relay/store/storetest/turns":     {"relay/store", "relay/store/storetest"},                      // for tests
		"relay/store/storetest":           {"relay/store", "relay/store/engine", "relay/store/search"},   // for tests
		"relay/store/memory":              {"relay/store", "relay/store/engine", "relay/store/search"},   // for tests
		"relay/store/transfer":            {},
		"relay/store/sqlite": {"relay/store", "relay/store/engine", "relay/store/groupcommit",
			"relay/store/ledger", "relay/store/listing", "relay/store/sqlite/conn", "relay/store/sqlite/dbfile", "relay/store/sqlite/tables",
			"relay/store/transfer"},
		"relay/store/sqlite/conn":   {"relay/store", "relay/store/engine"},
		"relay/store/sqlite/dbfile": {"relay/store"},
		"relay/store/sqlite/tables": {"relay/store/engine", "relay/store/ledger", "relay/store/sqlite/conn"},
		"relay/store/postgres": {"relay/store", "relay/store/engine", "relay/store/groupcommit",
			"relay/store/ledger", "relay/store/listing", "relay/store/postgres/session", "relay/store/postgres/tables",
			"relay/store/postgres/words", "relay/store/transfer"},
		"relay/store/postgres/session": {"relay/store", "relay/store/engine"},
		"relay/store/postgres/tables":  {"relay/store/ledger", "relay/store/postgres/words"},
		"relay/store/postgres/words":   {"relay/store", "relay/store/engine", "relay/store/ledger", "relay/store/listing"},

		"relay/admin/why": {"relay/admin/desk", "relay/store", "relay/store/search", "rules", "rules/catalog", "rules/value"},
		"relay/trial": append([]string{"notifiers", "notifiers/builtin", "notifiers/markup", "notifiers/preview", "notifiers/redact", "relay",
			"relay/admin/access", "relay/config", "relay/store", "relay/store/search", "rules/ruletest", "rules/rulefile/written", "relay/admin/desk", "relay/backtest"}, reading...),
		"relay/metrics":    {"rules/value"},
		"relay/telemetry":  {"relay/sampledlog"},
		"relay/sampledlog": {},
		"relay/silences":   {"relay/store", "rules/silence"},
		"relay/watch":      {},
		"relay/presence":   {"relay/dispatch", "relay/store"},
		"relay/config": append([]string{"relay/watch", "notifiers", "notifiers/builtin", "notifiers/markup", "notifiers/redact",
			"rules/rulefile/testfile"}, reading...),
		"relay/qaseapi": {"notifiers", "notifiers/redact", "rules/failures/mask", "rules", "rules/event", "rules/failures", "rules/people",
			"rules/value"},
		"relay/asker":           {"rules/event", "rules/failures"},
		"relay/qaseapi/standin": {}, // for tests and the demo
		"relay/dispatch": {"relay/config", "relay/metrics", "relay/sampledlog", "relay/store", "relay/telemetry",
			"relay/store/groupcommit", "notifiers", "rules", "rules/rulefile", "rules/value"},
		"relay/dispatch/dispatchtest": {"notifiers", "relay/config", "rules", "rules/rulefile"}, // for tests
		"relay":                       engine,
		"relay/ingest":                {"relay", "relay/ingest/origin", "relay/ingest/refused", "relay/listen", "relay/sampledlog", "rules", "rules/event"},
		"relay/ingest/origin":         {},
		"relay/ingest/refused":        {"relay/store"},
		"relay/listen":                {},
		"relay/ingest/client":         {"notifiers/redact"},
		"relay/admin/access":          {"relay/store", "relay/watch"},
		"relay/admin/jobs":            {"relay/store"},
		"relay/admin": {"relay", "relay/admin/access", "relay/admin/desk", "relay/admin/jobs", "relay/admin/why", "relay/dispatch", "relay/listen", "relay/store", "rules/diag",
			"rules/value", "relay/trial", "rules/catalog"},
		"relay/admin/desk/latency": {"relay/store"},
		"relay/admin/desk/rulebook": {"relay/config", "rules", "rules/diag", "rules/rulefile", "rules/rulefile/written",
			"rules/ruletest", "rules/yamldoc"},
		"relay/admin/desk": {"relay/presence", "relay/ingest/refused", "notifiers", "notifiers/preview", "relay/admin/desk/latency", "relay/admin/desk/rulebook", "relay/admin/jobs", "relay", "relay/admin/access", "relay/config", "relay/dispatch", "relay/silences", "relay/store", "relay/store/search", "rules",
			"rules/catalog", "rules/condition", "rules/diag", "rules/event", "rules/failures", "rules/flow", "rules/memory", "rules/silence", "rules/value"},
		"relay/admin/client":    {"notifiers/redact"},
		"relay/backtest":        {"relay/admin/desk", "rules", "rules/event", "rules/failures", "rules/ruletest"},
		"relay/console/frame":   {"relay/admin/access", "relay/console/live"},
		"relay/console/chart":   {},
		"relay/console/live":    {},
		"relay/console/surveys": {"relay/admin/desk", "relay/store"},
		"relay/console": {"relay/console/chart", "relay/console/surveys", "relay/dispatch", "notifiers/preview", "relay", "relay/admin/access", "relay/admin/desk", "relay/admin/jobs", "relay/admin/why", "relay/console/frame",
			"relay/console/payload", "relay/store", "rules", "rules/catalog", "rules/condition", "rules/flow",
			"rules/diag", "rules/silence", "rules/value", "relay/trial"},
		"relay/console/payload": {},
		"relay/app": append([]string{"relay", "relay/presence", "relay/admin", "relay/admin/access", "relay/admin/desk", "relay/admin/jobs", "relay/console", "relay/ingest", "relay/ingest/refused", "relay/listen",
			"relay/store/sqlite", "relay/store/postgres", "relay/store/ledger", "relay/store/transfer", "relay/admin/why", "relay/trial"},
			engine...),

		"cmd/qase-relay/terminal": {"notifiers/markup", "notifiers/preview", "notifiers/redact", "relay/ingest/client", "rules/catalog",
			"rules/diag", "rules/value"},
		"cmd/qase-relay/cli": {"cmd/qase-relay/terminal", "rules/catalog"},
		"cmd/qase-relay/draft": {"cmd/qase-relay/terminal", "rules/catalog", "rules/event", "rules/rulefile/testfile",
			"rules/yamldoc"},
		"cmd/qase-relay/send": {"cmd/qase-relay/cli", "cmd/qase-relay/draft", "cmd/qase-relay/flags",
			"cmd/qase-relay/terminal", "notifiers/redact", "relay/ingest/client", "rules/catalog"},
		"cmd/qase-relay/addresses": {"cmd/qase-relay/flags", "cmd/qase-relay/terminal", "relay/admin/access", "relay/app",
			"relay/listen", "rules/value"},
		"cmd/qase-relay/systemd": {},
		"cmd/qase-relay/bulk": {"cmd/qase-relay/report", "cmd/qase-relay/terminal", "relay/admin/desk", "relay/admin/jobs",
			"relay/store"},
		"cmd/qase-relay/effective": {"cmd/qase-relay/flags", "cmd/qase-relay/terminal", "notifiers", "relay/config",
			"rules", "rules/failures"},
		"cmd/qase-relay/manual": {"cmd/qase-relay/terminal"},
		"cmd/qase-relay/flags":  {"cmd/qase-relay/terminal", "rules/yamldoc"},
		"cmd/qase-relay/demo/week": {"relay", "relay/admin/access", "relay/admin/desk", "relay/config",
			"relay/qaseapi/standin", "relay/store", "relay/store/sqlite", "rules/event", "rules/flow"},
		"cmd/qase-relay/demo": {"cmd/qase-relay/demo/week", "cmd/qase-relay/terminal", "relay/app", "relay/config", "relay/ingest/client",
			"relay/qaseapi/standin", "relay/store", "rules", "relay/trial"},
		"cmd/qase-relay/gallery": {"cmd/qase-relay/terminal", "relay", "notifiers", "notifiers/builtin",
			"notifiers/markup", "notifiers/preview", "rules", "rules/event", "rules/rulefile"},
		"cmd/qase-relay/report": append([]string{"cmd/qase-relay/terminal", "relay/admin/desk", "relay/admin/why", "relay/backtest",
			"relay/store", "rules/failures", "rules/ruletest"}, reading...),
		"cmd/qase-relay": append([]string{"cmd/qase-relay/addresses", "cmd/qase-relay/bulk", "relay/admin/jobs", "cmd/qase-relay/cli", "cmd/qase-relay/demo", "cmd/qase-relay/draft",
			"cmd/qase-relay/effective",
			"cmd/qase-relay/flags", "cmd/qase-relay/gallery", "cmd/qase-relay/manual", "cmd/qase-relay/report", "cmd/qase-relay/send", "cmd/qase-relay/systemd", "cmd/qase-relay/terminal", "relay", "relay/app", "relay/admin", "relay/admin/client", "relay/admin/desk", "relay/admin/why",
			"relay/ingest/client", "relay/listen", "relay/backtest", "relay/config", "relay/qaseapi", "relay/store", "relay/trial", "notifiers", "notifiers/builtin",
			"notifiers/redact", "rules/ruletest"}, reading...),
	}
}

// allowed returns the imports that mayImport gives to a package, and whether it gives any line to it.
func allowed(dir string) ([]string, bool) {
	table := mayImport()
	if own, listed := table[dir]; listed {
		return own, true
	}
	siblings, listed := table[path.Dir(dir)+"/*"]
	return siblings, listed
}

func TestImportsPointDownTheTree(t *testing.T) {
	for dir, p := range packages(t) {
		may, listed := allowed(dir)
		if !listed {
			t.Errorf("%s is not in the import table: add a line to mayImport", dir)
			continue
		}
		for imported := range p.imports {
			ours, ok := strings.CutPrefix(imported, moduleName+"/")
			if ok && !slices.Contains(may, ours) && !slices.Contains(may, path.Dir(ours)+"/*") {
				t.Errorf("%s imports %s, which the import table does not allow", dir, ours)
			}
		}
	}
}

func TestEachPackageHasOneCommentAndAName(t *testing.T) {
	for dir, p := range packages(t) {
		if len(p.comments) != 1 {
			t.Errorf("%s: want one package comment, have %d: %v", dir, len(p.comments), p.comments)
		}
		if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "type", "types", "misc", "lib",
			"base", "shared"}, p.name) {
			t.Errorf("%s: the name of package %s does not describe its content", dir, p.name)
		}
	}
}

func TestTheTopLevelStaysSmall(t *testing.T) {
	known := []string{"README.md", "CHANGELOG.md", "LICENSE", "Dockerfile", "rules.example.yaml", "go.mod", "go.sum",
		"staticcheck.conf",
		"cmd", "rules", "notifiers", "relay", "examples", "deploy"}
	// made by running it here, and ignored by git
	local := []string{"data", "rules.yaml", "rules.schema.json", "events.jsonl", "out", "qase-relay"}
	entries, err := os.ReadDir(root())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(known, e.Name()) && !slices.Contains(local, e.Name()) {
			t.Errorf("%s does not belong at the top", e.Name())
		}
	}
}

// countParams returns the number of parameters without the context.
func countParams(f *ast.FuncDecl) int {
	n := f.Type.Params.NumFields()
	if n == 0 {
		return 0
	}
	if s, ok := f.Type.Params.List[0].Type.(*ast.SelectorExpr); ok && s.Sel.Name == "Context" {
		n--
	}
	return n
}

func TestPackagesStaySmallEnoughToRead(t *testing.T) {
	const maxLines = 4000
	lines := map[string]int{}
	eachFile(t, func(name string, file *ast.File, pos *token.FileSet) {
		if !strings.HasSuffix(name, "_test.go") {
			lines[path.Dir(name)] += pos.Position(file.FileEnd).Line
		}
	})
	for dir, n := range lines {
		if n > maxLines {
			t.Errorf("%s has %d lines, more than %d: split the package", dir, n, maxLines)
		}
	}
}

// TestNoPrefixDoesTheWorkOfAPackage fails if the names of three files of a folder begin alike: they should be a
// package.
func TestNoPrefixDoesTheWorkOfAPackage(t *testing.T) {
	files := map[string][]string{}
	systems := []string{"linux", "unix", "windows", "darwin", "other"}
	eachFile(t, func(name string, _ *ast.File, _ *token.FileSet) {
		stem := strings.TrimSuffix(path.Base(name), ".go")
		prefix, rest, found := strings.Cut(stem, "_")
		if !strings.HasSuffix(stem, "_test") && found && !slices.Contains(systems, rest) {
			files[path.Join(path.Dir(name), prefix)] = append(files[path.Join(path.Dir(name), prefix)], path.Base(name))
		}
	})
	for prefix, names := range files {
		if len(names) >= 3 {
			t.Errorf("%s_: %v share a prefix: make them a package, or give them names of their own", prefix, names)
		}
	}
}

// isTest reports whether a file belongs to tests: by its name, or as part of a package that only tests import.
func isTest(name string) bool {
	suites := []string{"notifiers/notifierstest", "relay/store/storetest", "relay/store/memory", "relay/store/pgtest"}
	return strings.HasSuffix(name, "_test.go") || slices.Contains(suites, path.Dir(name))
}

func TestFunctionsStayShort(t *testing.T) {
	const maxFunc, maxParams = 50, 4
	eachFile(t, func(name string, file *ast.File, pos *token.FileSet) {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || isTest(name) {
				continue
			}
			if n := pos.Position(f.End()).Line - pos.Position(f.Pos()).Line + 1; n > maxFunc {
				t.Errorf("%s: %s has %d lines, more than %d", name, f.Name.Name, n, maxFunc)
			}
			if n := countParams(f); n > maxParams {
				t.Errorf("%s: %s has %d parameters, more than %d: make a struct", name, f.Name.Name, n, maxParams)
			}
		}
	})
}

// packages returns our packages by directory.
func packages(t *testing.T) map[string]*pkg {
	t.Helper()
	all := map[string]*pkg{}
	eachFile(t, func(name string, file *ast.File, _ *token.FileSet) {
		if strings.HasSuffix(name, "_test.go") {
			return
		}
		dir := path.Dir(name)
		if all[dir] == nil {
			all[dir] = &pkg{name: file.Name.Name, imports: map[string]bool{}, funcs: map[string]bool{}}
		}
		all[dir].add(name, file)
	})
	return all
}

func (p *pkg) add(name string, file *ast.File) {
	if file.Doc != nil {
		p.comments = append(p.comments, name)
	}
	for _, i := range file.Imports {
		if unquoted, err := strconv.Unquote(i.Path.Value); err == nil {
			p.imports[unquoted] = true
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			p.funcs[receiver(n)+n.Name.Name] = true
			return false
		case *ast.TypeSpec:
			if i, ok := n.Type.(*ast.InterfaceType); ok {
				for _, m := range i.Methods.List {
					for _, id := range m.Names {
						p.funcs[n.Name.Name+"."+id.Name] = true
					}
				}
			}
		}
		return true
	})
}

func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	kind := f.Recv.List[0].Type
	if star, ok := kind.(*ast.StarExpr); ok {
		kind = star.X
	}
	if id, ok := kind.(*ast.Ident); ok {
		return id.Name + "."
	}
	return ""
}

func eachFile(t *testing.T, visit func(name string, file *ast.File, pos *token.FileSet)) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root()), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "testdata" || name != "." && strings.HasPrefix(d.Name(), ".")) {
			return skipDir(err)
		}
		if d.IsDir() || path.Ext(name) != ".go" {
			return nil
		}
		pos := token.NewFileSet()
		file, err := parser.ParseFile(pos, filepath.Join(root(), name), nil, parser.ParseComments)
		if err == nil {
			visit(name, file, pos)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func skipDir(err error) error {
	if err != nil {
		return err
	}
	return fs.SkipDir
}

// root is the top of the repository, as seen from this package's tests.
func root() string { return filepath.Join("..", "..") }
