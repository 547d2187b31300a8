using Granary.Mvcc.Errors;

namespace Granary.Grains.Serialization;

/// <summary>Turns an <see cref="EtcdException"/> into its form between silos and back.</summary>
[RegisterConverter]
public sealed class EtcdExceptionConverter : IConverter<EtcdException, EtcdExceptionSurrogate>
{
    public EtcdException ConvertFromSurrogate(in EtcdExceptionSurrogate surrogate) =>
        new(new EtcdError(surrogate.Code, surrogate.Text), surrogate.OutcomeUnknown);

    public EtcdExceptionSurrogate ConvertToSurrogate(in EtcdException value) =>
        new() { Code = value.Error.Code, Text = value.Error.Text, OutcomeUnknown = value.OutcomeUnknown };
}
