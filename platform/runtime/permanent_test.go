package runtime

import (
	"errors"
	"fmt"
	"testing"
)

func TestIsPermanent(t *testing.T) {
	t.Parallel()
	transient, permanent := errors.New("the lake is unavailable"), Permanent(errors.New("no contract"))
	for _, c := range []struct {
		name string
		err  error
		want bool
	}{
		{"nil", nil, false},
		{"transient", transient, false},
		{"permanent", permanent, true},
		{"permanent, wrapped", fmt.Errorf("load: %w", permanent), true},
		{"joined, all permanent", errors.Join(permanent, fmt.Errorf("load: %w", permanent)), true},
		// One contract is invalid, and another could not be read: the next try may read it.
		{"joined, one transient", errors.Join(permanent, transient), false},
		{"joined, one transient, wrapped", fmt.Errorf("contracts: %w", errors.Join(transient, permanent)), false},
		{"joined, marked permanent", Permanent(errors.Join(permanent, transient)), true},
	} {
		if got := IsPermanent(c.err); got != c.want {
			t.Errorf("%s: IsPermanent returned %v, want %v", c.name, got, c.want)
		}
	}
}
