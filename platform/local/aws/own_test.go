package aws_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/llac-project/llac/platform/local/aws"
)

func TestOwn(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "not", "there")
	release, err := aws.Own(dir, "a build")
	if err != nil {
		t.Fatal(err)
	}
	var owned *aws.OwnedError
	if _, err := aws.Own(dir, "another"); !errors.As(err, &owned) || owned.Note != "a build" {
		t.Errorf("two owners of one directory: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if release, err = aws.Own(dir, "another"); err != nil {
		t.Fatal(err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}
