import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Security;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.util.Date;
import java.util.List;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.cert.jcajce.JcaCertStore;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.CMSSignedDataGenerator;
import org.bouncycastle.cms.DefaultCMSSignatureAlgorithmNameGenerator;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.jcajce.JcaSignerInfoGeneratorBuilder;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.ContentSigner;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;

/**
 * SignedData with SM2, made and judged by BouncyCastle, one question a line.
 *
 * <p>`make`, a document, whether it goes inside, whether attributes are signed, the encoding (DER
 * or BER), and files for the certificate and the SignedData. `judge`, a document and SignedData
 * with its certificates inside. Words are separated by tabs; each line gets OK or REFUSED and why.
 */
public final class SignatureMaker {
    private static final String BC = BouncyCastleProvider.PROVIDER_NAME;

    private SignatureMaker() {}

    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        BufferedReader lines =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            System.out.println(answer(line.split("\t")));
            System.out.flush();
        }
    }

    private static String answer(String[] words) {
        try {
            return words[0].equals("make") ? make(words) : judge(words);
        } catch (Exception error) {
            return "REFUSED " + String.valueOf(error.getMessage()).replace('\n', ' ');
        }
    }

    private static String make(String[] words) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC", BC);
        generator.initialize(new ECGenParameterSpec("sm2p256v1"));
        KeyPair pair = generator.generateKeyPair();
        ContentSigner signer =
                new JcaContentSignerBuilder("SM3withSM2").setProvider(BC).build(pair.getPrivate());
        X509Certificate certificate = certificate(pair, signer);
        JcaSignerInfoGeneratorBuilder builder =
                new JcaSignerInfoGeneratorBuilder(
                        new JcaDigestCalculatorProviderBuilder().setProvider(BC).build());
        builder.setDirectSignature(!Boolean.parseBoolean(words[3]));
        CMSSignedDataGenerator made = new CMSSignedDataGenerator();
        made.addSignerInfoGenerator(builder.build(signer, certificate));
        made.addCertificates(new JcaCertStore(List.of(certificate)));
        byte[] document = Files.readAllBytes(Path.of(words[1]));
        CMSSignedData signed =
                made.generate(
                        new CMSProcessableByteArray(document), Boolean.parseBoolean(words[2]));
        Files.write(Path.of(words[5]), certificate.getEncoded());
        Files.write(
                Path.of(words[6]),
                words[4].equals("DER") ? signed.getEncoded("DER") : signed.getEncoded());
        return "OK";
    }

    private static X509Certificate certificate(KeyPair pair, ContentSigner signer)
            throws Exception {
        X500Name name = new X500Name("CN=BouncyCastle");
        Date now = new Date();
        JcaX509v3CertificateBuilder builder =
                new JcaX509v3CertificateBuilder(
                        name,
                        BigInteger.valueOf(now.getTime()),
                        new Date(now.getTime() - 3_600_000L),
                        new Date(now.getTime() + 86_400_000L),
                        name,
                        pair.getPublic());
        builder.addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.digitalSignature));
        return new JcaX509CertificateConverter().setProvider(BC).getCertificate(builder.build(signer));
    }

    @SuppressWarnings("unchecked")
    private static String judge(String[] words) throws Exception {
        byte[] document = Files.readAllBytes(Path.of(words[1]));
        CMSSignedData signed =
                new CMSSignedData(
                        new CMSProcessableByteArray(document), Files.readAllBytes(Path.of(words[2])));
        int signers = 0;
        for (SignerInformation each : signed.getSignerInfos()) {
            var found = signed.getCertificates().getMatches(each.getSID()).iterator().next();
            var verifier =
                    new JcaSimpleSignerInfoVerifierBuilder()
                            .setProvider(BC)
                            .build((org.bouncycastle.cert.X509CertificateHolder) found);
            if (!each.verify(verifier)) {
                return "REFUSED a signer does not hold";
            }
            signers++;
        }
        return signers == 0 ? "REFUSED no signer" : "OK";
    }
}
