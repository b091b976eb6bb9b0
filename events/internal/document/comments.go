package document

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

// Comments are the doc comments of a package's types and of their fields.
type Comments struct {
	types  map[string]string // by type name
	fields map[string]string // by type name, a dot, and field name
}

// ReadComments reads the comments of the Go package in a directory, tests left out.
func ReadComments(dir string) (Comments, error) {
	c := Comments{types: map[string]string{}, fields: map[string]string{}}
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return c, err
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			return c, fmt.Errorf("read the event types: %w", err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ParseComments)
		if err != nil {
			return c, fmt.Errorf("read the event types: %w", err)
		}
		for _, declaration := range file.Decls {
			if group, ok := declaration.(*ast.GenDecl); ok && group.Tok == token.TYPE {
				c.add(group)
			}
		}
	}
	return c, nil
}

func (c Comments) add(group *ast.GenDecl) {
	for _, spec := range group.Specs {
		named, ok := spec.(*ast.TypeSpec)
		if !ok {
			continue
		}
		c.types[named.Name.Name] = oneLine(group.Doc.Text())
		object, ok := named.Type.(*ast.StructType)
		if !ok {
			continue
		}
		for _, field := range object.Fields.List {
			text := field.Doc.Text()
			if text == "" {
				text = field.Comment.Text()
			}
			for _, name := range field.Names {
				c.fields[named.Name.Name+"."+name.Name] = oneLine(text)
			}
		}
	}
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
