package config

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// anyDepth is the part of a pattern that matches folders of any depth, and none.
const anyDepth = "**"

// Glob returns the names that match a pattern of package filepath, in which ** matches folders of any depth. Hidden
// folders below a ** are left out: those of Git, and the ones in which Kubernetes keeps versions of a volume.
func Glob(pattern string) ([]string, error) {
	names, _, err := glob(pattern)
	return names, err
}

// glob also returns the folders in which a file could match.
func glob(pattern string) (names, folders []string, err error) {
	base, rest, deep := cutAnyDepth(pattern)
	if !deep {
		names, err = filepath.Glob(pattern)
		return names, []string{filepath.Dir(pattern)}, err
	}
	if _, err := filepath.Match(rest, ""); err != nil {
		return nil, nil, err
	}
	bases, err := filepath.Glob(base)
	for _, folder := range bases {
		for _, folder := range foldersWithin(folder) {
			found, inner, innerErr := glob(filepath.Join(folder, rest))
			names, folders, err = append(names, found...), append(folders, inner...), errors.Join(err, innerErr)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), folders, err
}

// cutAnyDepth cuts a pattern at its first **. A ** at its end means every file.
func cutAnyDepth(pattern string) (base, rest string, found bool) {
	parts := strings.Split(filepath.ToSlash(pattern), "/")
	i := slices.Index(parts, anyDepth)
	if i < 0 {
		return "", "", false
	}
	base = filepath.FromSlash(strings.Join(parts[:i], "/"))
	switch {
	case base == "" && i > 0:
		base = string(filepath.Separator)
	case base == "":
		base = "."
	}
	if rest = filepath.FromSlash(strings.Join(parts[i+1:], "/")); rest == "" {
		rest = "*"
	}
	return base, rest, true
}

// foldersWithin returns a folder and those below it. Folders that cannot be read are left out.
func foldersWithin(top string) []string {
	var all []string
	_ = filepath.WalkDir(top, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fs.SkipDir
		case !d.IsDir():
			return nil
		case name != top && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		}
		all = append(all, name)
		return nil
	})
	return all
}
