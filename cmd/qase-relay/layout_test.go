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

// pkg is what the layout test knows of one directory.
type pkg struct {
	name     string
	comments []string // the files with a package comment
	imports  map[string]bool
	funcs    map[string]bool // Name, Type.Name, and Type.Name for methods of interfaces
}

// mayImport says for each package what else of ours it may import, outside its tests.
func mayImport() map[string][]string {
	return map[string][]string{
		"rules/catalog":      {},
		"rules":              {"rules/catalog"},
		"notifiers":          {},
		"relay/store":        {},
		"relay/store/pgtest": {}, // only for tests
		"relay":              {"relay/store", "rules", "rules/catalog", "notifiers"},
		"relay/ingest":       {"relay", "relay/store", "rules", "rules/catalog"},
		"relay/admin":        {"relay", "relay/store", "relay/console", "rules", "rules/catalog", "notifiers"},
		"relay/console":      {"relay", "relay/store", "rules", "rules/catalog", "notifiers"},
		"cmd/qase-relay":     {"relay", "relay/store", "relay/ingest", "relay/admin", "relay/console", "rules", "rules/catalog", "notifiers"},
	}
}

func TestImportsPointDownTheTree(t *testing.T) {
	table := mayImport()
	for dir, p := range packages(t) {
		allowed, known := table[dir]
		if !known {
			t.Errorf("%s is not in the import table: give it a place in the house first", dir)
			continue
		}
		for imported := range p.imports {
			ours, ok := strings.CutPrefix(imported, moduleName+"/")
			if ok && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s, which it may not", dir, ours)
			}
		}
	}
}

func TestEachPackageHasOneCommentAndAName(t *testing.T) {
	for dir, p := range packages(t) {
		if len(p.comments) != 1 {
			t.Errorf("%s: want one package comment, have %d: %v", dir, len(p.comments), p.comments)
		}
		for _, empty := range []string{"util", "utils", "common", "helper", "helpers", "type", "types", "misc", "lib", "base", "shared"} {
			if p.name == empty {
				t.Errorf("%s: package %s says nothing about what is in it", dir, p.name)
			}
		}
	}
}

func TestTheTopLevelStaysSmall(t *testing.T) {
	known := []string{"README.md", "CHANGELOG.md", "LICENSE", "Dockerfile", "rules.example.yaml", "go.mod", "go.sum", "staticcheck.conf",
		"cmd", "rules", "notifiers", "relay", "examples", "deploy"}
	local := []string{"data", "rules.yaml", "rules.schema.json", "events.jsonl", "out", "qase-relay"} // made by running it here, and ignored by git
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

func TestThePathOfOneEventExists(t *testing.T) {
	all := packages(t)
	for dir, funcs := range map[string][]string{
		"relay/ingest": {"Handler.ServeHTTP"},
		"relay":        {"Engine.Accept", "Engine.Run", "Retry.Next"},
		"rules":        {"Set.Decide"},
		"notifiers":    {"Notifier.Send"},
	} {
		for _, f := range funcs {
			if !all[dir].funcs[f] {
				t.Errorf("%s.%s is named in the README as a step of the path of an event, but does not exist", dir, f)
			}
		}
	}
}

// countParams leaves out a context, which says nothing about what a function does.
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

func TestFilesAndFunctionsStayShort(t *testing.T) {
	const maxLines, maxFunc, maxParams = 300, 50, 4
	eachFile(t, func(name string, file *ast.File, pos *token.FileSet) {
		if lines := pos.Position(file.FileEnd).Line; lines > maxLines && !strings.HasSuffix(name, "_test.go") {
			t.Errorf("%s has %d lines, more than %d", name, lines, maxLines)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || strings.HasSuffix(name, "_test.go") {
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
