package marts

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ProjectError reports that the dbt project cannot be read.
type ProjectError struct {
	Folder string
	Err    error
}

func (e *ProjectError) Error() string {
	return fmt.Sprintf("read the dbt project in %s: %v", e.Folder, e.Err)
}

// Unwrap returns the cause.
func (e *ProjectError) Unwrap() error { return e.Err }

// projectFile is the file by which dbt recognises a project.
const projectFile = "dbt_project.yml"

// CheckProject reports, as a *ProjectError, that a folder has no dbt project.
func CheckProject(folder string) error {
	if _, err := os.Stat(filepath.Join(folder, projectFile)); err != nil {
		return &ProjectError{folder, err}
	}
	return nil
}

// Declaration is what a yml file of the project declares about a model in its config.meta.
type Declaration struct {
	Name        string
	Kind        string   `yaml:"kind"`  // of a mart: dimension, fact or aggregate
	Grain       string   `yaml:"grain"` // "One row per …"
	Key         []string `yaml:"key"`   // the columns that identify a row
	Datasets    []string `yaml:"datasets"`
	Accumulates string   `yaml:"accumulates"` // the dataset whose superseded snapshots the model takes in too
}

// accumulatesMember is the member of a model's meta that Declaration.Accumulates reads.
const accumulatesMember = "accumulates"

// ReadDeclarations reads what the project's yml files declare about models, by name, without starting dbt.
func ReadDeclarations(folder string) ([]Declaration, error) {
	paths, err := modelPaths(folder)
	if err != nil {
		return nil, err
	}
	var out []Declaration
	for _, path := range paths {
		err := filepath.WalkDir(filepath.Join(folder, path), func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !slices.Contains([]string{".yml", ".yaml"}, filepath.Ext(file)) {
				return err
			}
			declared, err := readDeclarations(file)
			out = append(out, declared...)
			return err
		})
		if err != nil {
			return nil, &ProjectError{folder, err}
		}
	}
	slices.SortFunc(out, func(a, b Declaration) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func modelPaths(folder string) ([]string, error) {
	var project struct {
		ModelPaths []string `yaml:"model-paths"`
	}
	if err := readYAML(filepath.Join(folder, projectFile), &project); err != nil {
		return nil, &ProjectError{folder, err}
	}
	if project.ModelPaths == nil {
		return []string{"models"}, nil // dbt's default
	}
	return project.ModelPaths, nil
}

func readDeclarations(file string) ([]Declaration, error) {
	var content struct {
		Models []struct {
			Name   string
			Config struct {
				Meta Declaration
			}
		}
	}
	if err := readYAML(file, &content); err != nil {
		return nil, err
	}
	var out []Declaration
	for _, m := range content.Models {
		d := m.Config.Meta
		d.Name = m.Name
		out = append(out, d)
	}
	return out, nil
}

func readYAML(file string, into any) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := yaml.Unmarshal(b, into); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	return nil
}

// projectHash returns the sha256 of the project's files. Files that dbt writes into the folder do not count.
func projectHash(folder string) (string, error) {
	digest := sha256.New()
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(d.Name(), ".")
		switch {
		case d.IsDir() && path != folder && (hidden || slices.Contains([]string{"target", "logs", "dbt_packages"}, d.Name())):
			return filepath.SkipDir
		case d.IsDir(), hidden, strings.HasSuffix(d.Name(), ".md"):
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(digest, "%s\x00%d\x00", filepath.ToSlash(name), len(b))
		digest.Write(b)
		return nil
	})
	if err != nil {
		return "", &ProjectError{folder, err}
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}
