using Granary.Benchmarks;

return await BenchCommand.Create().Parse(args).InvokeAsync();
