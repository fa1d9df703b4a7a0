// Sends one trace of two spans, a log record and a counter by each of the official Go exporters.
// Arguments: host:port of OTLP/gRPC and of OTLP/HTTP. Prints a line of JSON for each that was acknowledged.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/log"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

type exporters struct {
	traces  sdktrace.SpanExporter
	metrics sdkmetric.Exporter
	logs    sdklog.Exporter
}

func overGrpc(ctx context.Context, address string, gzip bool) exporters {
	traceOptions := []otlptracegrpc.Option{otlptracegrpc.WithEndpoint(address), otlptracegrpc.WithInsecure()}
	metricOptions := []otlpmetricgrpc.Option{otlpmetricgrpc.WithEndpoint(address), otlpmetricgrpc.WithInsecure()}
	logOptions := []otlploggrpc.Option{otlploggrpc.WithEndpoint(address), otlploggrpc.WithInsecure()}
	if gzip {
		traceOptions = append(traceOptions, otlptracegrpc.WithCompressor("gzip"))
		metricOptions = append(metricOptions, otlpmetricgrpc.WithCompressor("gzip"))
		logOptions = append(logOptions, otlploggrpc.WithCompressor("gzip"))
	}
	return exporters{
		must(otlptracegrpc.New(ctx, traceOptions...)),
		must(otlpmetricgrpc.New(ctx, metricOptions...)),
		must(otlploggrpc.New(ctx, logOptions...)),
	}
}

func overHttp(ctx context.Context, address string, gzip bool) exporters {
	traceOptions := []otlptracehttp.Option{otlptracehttp.WithEndpoint(address), otlptracehttp.WithInsecure()}
	metricOptions := []otlpmetrichttp.Option{otlpmetrichttp.WithEndpoint(address), otlpmetrichttp.WithInsecure()}
	logOptions := []otlploghttp.Option{otlploghttp.WithEndpoint(address), otlploghttp.WithInsecure()}
	if gzip {
		traceOptions = append(traceOptions, otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
		metricOptions = append(metricOptions, otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))
		logOptions = append(logOptions, otlploghttp.WithCompression(otlploghttp.GzipCompression))
	}
	return exporters{
		must(otlptracehttp.New(ctx, traceOptions...)),
		must(otlpmetrichttp.New(ctx, metricOptions...)),
		must(otlploghttp.New(ctx, logOptions...)),
	}
}

func send(ctx context.Context, service string, to exporters) {
	about := resource.NewSchemaless(attribute.String("service.name", service))
	tracing := sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithBatcher(to.traces))
	metering := sdkmetric.NewMeterProvider(
		sdkmetric.WithResource(about), sdkmetric.WithReader(sdkmetric.NewPeriodicReader(to.metrics)))
	logging := sdklog.NewLoggerProvider(
		sdklog.WithResource(about), sdklog.WithProcessor(sdklog.NewBatchProcessor(to.logs)))

	inside, root := tracing.Tracer("exporters").Start(ctx, "POST /checkout")
	var record log.Record
	record.SetTimestamp(time.Now())
	record.SetSeverity(log.SeverityWarn)
	record.SetBody(attribute.StringValue("stock is low"))
	logging.Logger("exporters").Emit(inside, record)
	orders := must(metering.Meter("exporters").Int64Counter("orders-" + service))
	orders.Add(inside, 2)
	_, child := tracing.Tracer("exporters").Start(inside, "charge")
	child.End()
	root.End()
	for _, flush := range []func(context.Context) error{tracing.ForceFlush, metering.ForceFlush, logging.ForceFlush} {
		check(flush(ctx))
	}
	for _, shutdown := range []func(context.Context) error{tracing.Shutdown, metering.Shutdown, logging.Shutdown} {
		check(shutdown(ctx))
	}
	line := map[string]string{"service": service, "traceId": root.SpanContext().TraceID().String()}
	fmt.Println(string(must(json.Marshal(line))))
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, gzip := range []bool{false, true} {
		coding := map[bool]string{false: "none", true: "gzip"}[gzip]
		send(ctx, "go-grpc-"+coding, overGrpc(ctx, os.Args[1], gzip))
		send(ctx, "go-protobuf-"+coding, overHttp(ctx, os.Args[2], gzip))
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
