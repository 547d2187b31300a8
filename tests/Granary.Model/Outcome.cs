using Google.Protobuf;
using Granary.Mvcc.Errors;

namespace Granary.Model;

/// <summary>An answer or an error, as text that can be compared and read.</summary>
public static class Outcome
{
    public static string Of(Func<IMessage> call)
    {
        try
        {
            return call().ToString()!;
        }
        catch (EtcdException exception)
        {
            return exception.Message;
        }
    }
}
