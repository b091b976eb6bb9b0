package deploy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/smithy-go"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/catalogue"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/messaging"
	"github.com/llac-project/llac/platform/runtime"
)

// DataBucket returns the name of an environment's data bucket. terraform/stacks/storage names the buckets.
func (a Account) DataBucket(env string) string { return "llac-" + env + "-data-" + a.ID }

func (a Account) configBucket(env string) string { return "llac-" + env + "-config-" + a.ID }

// database returns the Glue database of a layer; terraform/modules/conventions names it. Unquoted Glue names have no hyphen.
func database(env, layer string) string {
	return "llac_" + strings.ReplaceAll(env, "-", "_") + "_" + layer
}

// StagingDatabase returns the Glue database of an environment's published snapshots.
func (a Account) StagingDatabase(env string) string { return database(env, "staging") }

// Lake returns the data bucket of an environment.
func (a Account) Lake(env string) lake.Store {
	return lake.NewS3(a.AWS, a.DataBucket(env), clock.System{})
}

// NoEnvironmentError reports that an account does not have an environment.
type NoEnvironmentError struct{ Env, Account, Region, Bucket string }

func (e *NoEnvironmentError) Error() string {
	return fmt.Sprintf("no environment %s in account %s, region %s: bucket %s does not exist", e.Env, e.Account, e.Region, e.Bucket)
}

// Enter checks that an environment exists. The error is a *NoEnvironmentError if it does not. An environment without contracts
// exists.
func (a Account) Enter(ctx context.Context, env string) error {
	_, _, err := a.Config(env).Get(ctx, lake.ContractIndexKey)
	var apiError smithy.APIError
	switch {
	case errors.As(err, &apiError) && apiError.ErrorCode() == "NoSuchBucket":
		return &NoEnvironmentError{env, a.ID, a.AWS.Region, a.configBucket(env)}
	case err == nil || errors.Is(err, lake.ErrNotFound):
		return nil
	}
	return fmt.Errorf("open environment %s: %w", env, err)
}

// Marts returns the tables of an environment's marts.
func (a Account) Marts(env string, log *slog.Logger) catalogue.Marts {
	return catalogue.Marts{
		Glue: glue.NewFromConfig(a.AWS), Database: database(env, "marts"),
		Bucket: a.DataBucket(env), Lake: a.Lake(env), Log: log,
	}
}

// Contracts returns the contracts in force in an environment.
func (a Account) Contracts(ctx context.Context, env string) ([]*contract.Contract, error) {
	return (&runtime.ConfigContracts{Store: a.Config(env)}).Current(ctx)
}

// Contract returns the contract of a dataset that is in force in an environment.
func (a Account) Contract(ctx context.Context, env, dataset string) (*contract.Contract, error) {
	all, err := a.Contracts(ctx, env)
	i := slices.IndexFunc(all, func(c *contract.Contract) bool { return c.Dataset == dataset })
	if i >= 0 {
		return all[i], nil // err is about other contracts
	}
	if err == nil {
		var names []string
		for _, c := range all {
			names = append(names, c.Dataset)
		}
		err = errors.New("the contracts in force are of " + strings.Join(names, ", "))
	}
	return nil, fmt.Errorf("no contract of %s is in force in %s: %w", dataset, env, err)
}

// Publish publishes an event to the operator's topic of an environment.
func (a Account) Publish(ctx context.Context, env string, e events.Event) error {
	publisher, err := messaging.NewPublisher(messaging.PublisherConfig{AWS: a.AWS})
	if err != nil {
		return err
	}
	partition := "aws"
	switch {
	case strings.HasPrefix(a.AWS.Region, "cn-"):
		partition = "aws-cn"
	case strings.HasPrefix(a.AWS.Region, "us-gov-"):
		partition = "aws-us-gov"
	}
	topic := strings.Join([]string{"arn", partition, "sns", a.AWS.Region, a.ID, messaging.TopicName(env, messaging.OperatorTopic)}, ":")
	return errors.Join(publisher.PublishEvents(ctx, topic, []events.Event{e}), publisher.Close())
}
